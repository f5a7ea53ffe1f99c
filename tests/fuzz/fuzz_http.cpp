// Fuzz target: a whole connection without a socket. The first byte says how large the pieces are in which the rest
// arrives; the handler answers in every way there is. What the worker sends must be answers, one after the other.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "server/connection.h"

namespace {

using llorch::ByteStream;

/// Gives `input` in pieces, and keeps what is written.
class ScriptedStream final : public ByteStream {
 public:
  ScriptedStream(std::string_view input, std::size_t piece, std::string& output)
      : input_(input), piece_(piece), output_(&output) {}
  boost::asio::awaitable<Failure> open() override { co_return Failure(); }
  boost::asio::awaitable<std::size_t> read_some(std::span<char> buffer, Failure& failure) override {
    const std::size_t n = std::min({piece_, buffer.size(), input_.size()});
    std::copy_n(input_.data(), n, buffer.data());
    input_.remove_prefix(n);
    if (n == 0) {
      failure = boost::asio::error::eof;
    }
    co_return n;
  }
  boost::asio::awaitable<void> write(std::string_view bytes, Failure& failure) override {
    if (closed_) {
      failure = boost::asio::error::operation_aborted;
    } else {
      *output_ += bytes;
    }
    co_return;
  }
  boost::asio::awaitable<void> shutdown_send() override { co_return; }
  void close() override { closed_ = true; }

 private:
  std::string_view input_;
  std::size_t piece_;
  std::string* output_;
  bool closed_ = false;
};

/// One way of answering for each request: whole, streamed, dropped at once, dropped in the middle.
void answer(int way, const llorch::HttpRequest& request, llorch::ResponseWriter& writer) {
  LL_CHECK(request.body.size() <= 4096, "the body is within its limit");
  writer.on_close([] {});
  if (way % 4 == 0) {
    writer.respond(200, {{"A", "b"}}, request.body);
  } else if (way % 4 != 3) {
    writer.begin(200, {});
    writer.write(request.path);
    if (way % 4 == 1) {
      writer.end();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string output;
  int requests = 0;
  llorch::ConnectionGroup group;
  group.options.max_header_bytes = 1024;
  group.options.max_body_bytes = 4096;
  group.gate = [](const llorch::HttpRequest& head, llorch::ResponseWriter& writer) {
    if (head.path == "/closed") {
      writer.respond(401, {}, "closed");
    }
    return head.path != "/closed";
  };
  group.handler = [&requests](llorch::HttpRequest request, const std::shared_ptr<llorch::ResponseWriter>& writer) {
    answer(requests++, request, *writer);
  };
  {
    boost::asio::io_context io{1};
    auto stream = std::make_unique<ScriptedStream>(input, std::size_t{1} + data[0], output);
    std::make_shared<llorch::Connection>(group, std::move(stream), io.get_executor())->start();
    io.run();
  }
  LL_CHECK(group.connections.empty(), "the connection ends with its stream");
  LL_CHECK(output.empty() || output.starts_with("HTTP/1.1 "), "what is sent is an answer");
  return 0;
}
