// The parser of Beast (of its I/O nothing is used: it costs a minute of compile time), and what it does not check;
// request_parser.h says what it promises.
#include "server/request_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/format.h"

namespace llorch {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

std::string lower(std::string name) {
  for (char& c : name) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

/// The path of a target: without the query, and without scheme and authority ("http://host/path", RFC 9112 3.2.2).
std::string path_of(std::string target) {
  if (const std::size_t scheme = target.find("://"); scheme != std::string::npos && target.front() != '/') {
    const std::size_t slash = target.find('/', scheme + 3);
    target = slash == std::string::npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find_first_of("?#"));
}

}  // namespace

struct RequestParser::Impl {
  Parser parser;
};

RequestParser::RequestParser(std::size_t max_header_bytes, std::size_t max_body_bytes)
    : impl_(std::make_unique<Impl>()), max_header_bytes_(max_header_bytes), max_body_bytes_(max_body_bytes) {
  impl_->parser.eager(true);
  impl_->parser.header_limit(static_cast<std::uint32_t>(max_header_bytes));
  impl_->parser.body_limit(max_body_bytes);
}

RequestParser::~RequestParser() = default;

RequestParser::State RequestParser::refuse(int status, std::string message) {
  refusal_ = Refusal{status, std::move(message)};
  return State::refused;
}

RequestParser::State RequestParser::feed(std::string& input) {
  Parser& parser = impl_->parser;
  if (!begun_) {  // empty lines come before: some clients end a body with an empty line of their own (RFC 9112 2.2)
    input.erase(0, std::min(input.find_first_not_of("\r\n"), input.size()));
    begun_ = !input.empty();
  }
  while (!input.empty() && !refusal_) {
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(input), error);
    input.erase(0, used);
    if (error == http::error::header_limit) {
      return refuse(431, fmt::format("the header is longer than {} bytes", max_header_bytes_));
    }
    if (error == http::error::body_limit) {
      return refuse(413, fmt::format("the body is longer than {} bytes", max_body_bytes_));
    }
    if (error && error != http::error::need_more) {
      return refuse(400, fmt::format("not a valid HTTP request: {}", error.message()));
    }
    if (parser.is_header_done() && !header_checked_ && !check_header()) {
      return State::refused;
    }
    if (parser.is_done()) {
      return State::done;
    }
    if (error || used == 0) {
      // Beast may keep an unfinished header in `input`; it must not grow there either.
      if (!parser.is_header_done() && input.size() > max_header_bytes_) {
        return refuse(431, fmt::format("the header is longer than {} bytes", max_header_bytes_));
      }
      break;
    }
  }
  return refusal_ ? State::refused : State::need_more;
}

/// What the parser took, but llorch does not.
bool RequestParser::check_header() {
  header_checked_ = true;
  const auto& message = impl_->parser.get();
  const auto expect = message[http::field::expect];
  if (!expect.empty() && !boost::beast::iequals(expect, "100-continue")) {
    refuse(417, "the only expectation that is met is 100-continue");
  } else if (message.version() >= 11 && message.count(http::field::host) != 1) {
    refuse(400, "an HTTP/1.1 request needs one Host header");
  } else if (message.count(http::field::content_length) > 1 ||
             message[http::field::content_length].find_first_not_of("0123456789") != boost::string_view::npos) {
    refuse(400, "the request has more than one Content-Length");
  } else if (message.count(http::field::transfer_encoding) > 0 &&
             (message.count(http::field::content_length) > 0 || message.version() < 11)) {
    refuse(400, "Transfer-Encoding goes with HTTP/1.1 and without Content-Length");
  } else if (message.count(http::field::transfer_encoding) > 0 &&
             !boost::beast::iequals(message[http::field::transfer_encoding], "chunked")) {
    // Another coding, or a second header: where the body ends would be a matter of opinion.
    refuse(501, "the only Transfer-Encoding that is understood is chunked");
  } else if (const auto coding = message[http::field::content_encoding];
             message.count(http::field::content_encoding) > 1 ||
             (!coding.empty() && !boost::beast::iequals(coding, "identity"))) {
    refuse(415, fmt::format("a body with Content-Encoding {} is not understood: send it as it is",
                            std::string_view(coding.data(), coding.size())));
  }
  continue_wanted_ = !refusal_ && !expect.empty() && message.version() >= 11 && !impl_->parser.is_done();
  return !refusal_;
}

bool RequestParser::take_continue() {
  return std::exchange(continue_wanted_, false);
}

bool RequestParser::header_done() const {
  return impl_->parser.is_header_done();
}

HttpRequest RequestParser::head() const {
  const auto& message = impl_->parser.get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.path = path_of(std::string(message.target()));
  for (const auto& field : message) {
    request.headers.emplace_back(lower(std::string(field.name_string())), std::string(field.value()));
  }
  return request;
}

HttpRequest RequestParser::release() {
  HttpRequest request = head();
  request.body = std::move(impl_->parser.get().body());
  return request;
}

Framing RequestParser::framing() const {
  return {.http11 = impl_->parser.get().version() >= 11,
          .keep_alive = impl_->parser.keep_alive(),
          .head = impl_->parser.get().method() == http::verb::head};
}

}  // namespace llorch
