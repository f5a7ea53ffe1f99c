// The HTTP server: one thread, one coroutine a connection. The only file that includes Boost: Asio for sockets, and of
// Beast the parser alone (its own I/O costs a minute of compile time). response.h frames the answers.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
//
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <set>
#include <thread>

#include "base/format.h"
#include "server/events.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/response.h"

namespace llorch {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Stream = asio::generic::stream_protocol;
using ErrorCodeOf = boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kMaxReadAhead = 64 << 10;  // of a client that sends requests before it read the answers
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr std::chrono::milliseconds kAcceptPause{100};

class Connection;

/// What the connections share; lives as long as the server. Touched on the server's thread alone.
struct Shared {
  HttpOptions options;
  HttpServer::Handler handler;
  std::set<Connection*> connections;
  bool stopping = false;
  std::function<void()> all_closed;  // called while stopping, when the last connection has ended
};

/// A request that cannot be served, and what its sender is told.
struct Refusal {
  int status;
  std::string message;
};

Refusal refusal_of(const ErrorCodeOf& error, const HttpOptions& options) {
  if (error == http::error::header_limit) {
    return {431, fmt::format("the header is longer than {} bytes", options.max_header_bytes)};
  }
  if (error == http::error::body_limit) {
    return {413, fmt::format("the body is longer than {} bytes", options.max_body_bytes)};
  }
  return {400, fmt::format("not a valid HTTP request: {}", error.message())};
}

bool unknown_expectation(const Parser& parser) {
  const auto expect = parser.get()[http::field::expect];
  return !expect.empty() && !boost::beast::iequals(expect, "100-continue");
}

/// What is wrong with a header that the parser took.
std::optional<Refusal> header_fault(const Parser& parser) {
  if (unknown_expectation(parser)) {
    return Refusal{417, "the only expectation that is met is 100-continue"};
  }
  if (parser.get().version() >= 11 && parser.get()[http::field::host].empty()) {
    return Refusal{400, "an HTTP/1.1 request needs a Host header"};
  }
  return std::nullopt;
}

HttpRequest to_request(Parser& parser) {
  auto message = parser.release();
  HttpRequest request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  request.path = target.substr(0, target.find_first_of("?#"));
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) {
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  request.body = std::move(message.body());
  return request;
}

/// One client. Owned by its own coroutine; everything runs on the server's thread, but for Writer's calls.
class Connection {
 public:
  Connection(Shared& shared, Stream::socket socket)
      : shared_(&shared), socket_(std::move(socket)), wake_(socket_.get_executor()), deadline_(socket_.get_executor()) {
    shared_->connections.insert(this);
  }
  ~Connection() {
    *alive_ = nullptr;
    if (writer_) {
      writer_->client_gone();
      writer_->detach();
    }
    shared_->connections.erase(this);
    if (shared_->stopping && shared_->connections.empty() && shared_->all_closed) {
      shared_->all_closed();
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  asio::awaitable<void> serve();
  /// The server stops: an idle connection closes, one with a request under way after its answer.
  void stop() {
    if (!busy_) {
      close();
    }
  }

 private:
  asio::awaitable<std::optional<HttpRequest>> read_request();
  asio::awaitable<std::optional<Refusal>> parse(Parser& parser);
  asio::awaitable<bool> fill();
  asio::awaitable<bool> answer();
  asio::awaitable<bool> send(std::string bytes);
  asio::awaitable<void> sleep();
  asio::awaitable<void> refuse(const Refusal& refusal);
  asio::awaitable<void> end_watch();
  void watch();
  void expire_in(std::chrono::milliseconds time);
  void expire_never() { deadline_.expires_at(Clock::time_point::max()); }
  void close() {
    ErrorCodeOf ignored;
    socket_.close(ignored);
    wake_.cancel();
  }

  Shared* shared_;
  Stream::socket socket_;
  asio::steady_timer wake_;      // never expires: cancelled to wake the coroutine
  asio::steady_timer deadline_;  // of the read or write under way
  std::array<char, kReadBytes> read_{};
  std::string input_;  // received and not parsed yet
  std::shared_ptr<Writer> writer_;
  Framing framing_;
  // For handlers that were posted, or queued by a timer, before this object ended.
  std::shared_ptr<Connection*> alive_ = std::make_shared<Connection*>(this);
  bool busy_ = false;  // between the first byte of a request and the last of its answer
  bool timed_out_ = false;
  bool watching_ = false;  // a read is under way that tells when the client goes
  bool gone_ = false;
};

void Connection::expire_in(std::chrono::milliseconds time) {
  timed_out_ = false;
  deadline_.expires_after(time);
  deadline_.async_wait([alive = alive_](const ErrorCodeOf& error) {
    Connection* self = *alive;
    if (!error && self != nullptr && Clock::now() >= self->deadline_.expiry()) {
      self->timed_out_ = true;
      ErrorCodeOf ignored;
      self->socket_.cancel(ignored);
    }
  });
}

/// Reads more into input_; false when the client has gone or the time is over.
asio::awaitable<bool> Connection::fill() {
  ErrorCodeOf error;
  const std::size_t n =
      co_await socket_.async_read_some(asio::buffer(read_), asio::redirect_error(asio::use_awaitable, error));
  input_.append(read_.data(), n);
  co_return !error;
}

asio::awaitable<bool> Connection::send(std::string bytes) {
  ErrorCodeOf error;
  expire_in(shared_->options.write_timeout);
  co_await asio::async_write(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  expire_never();
  co_return !error;
}

asio::awaitable<void> Connection::sleep() {
  ErrorCodeOf ignored;
  wake_.expires_at(Clock::time_point::max());
  co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// Feeds the parser until the request is whole. A refusal with status 0: the client is not there to be told.
asio::awaitable<std::optional<Refusal>> Connection::parse(Parser& parser) {
  const HttpOptions& options = shared_->options;
  bool continued = false;
  for (;;) {
    ErrorCodeOf error;
    const std::size_t used = input_.empty() ? 0 : parser.put(asio::buffer(input_), error);
    input_.erase(0, used);
    if (error && error != http::error::need_more) {
      co_return refusal_of(error, options);
    }
    if (parser.is_done()) {
      co_return std::nullopt;
    }
    if (!error && used > 0 && !input_.empty()) {
      continue;
    }
    if (parser.is_header_done() && !continued) {
      continued = true;
      expire_in(options.body_timeout);
      if (unknown_expectation(parser)) {
        co_return std::nullopt;  // read_request() refuses it
      }
      const bool expects = !parser.get()[http::field::expect].empty();
      if (expects && parser.get().version() >= 11) {
        if (!co_await send("HTTP/1.1 100 Continue\r\n\r\n")) {
          co_return Refusal{0, ""};
        }
        expire_in(options.body_timeout);
      }
    }
    if (!co_await fill()) {
      co_return Refusal{timed_out_ ? 408 : 0, "the request did not arrive in time"};
    }
  }
}

/// The next request; nothing when the connection is to be closed (a refusal was sent by then).
asio::awaitable<std::optional<HttpRequest>> Connection::read_request() {
  const HttpOptions& options = shared_->options;
  if (input_.empty()) {
    expire_in(options.idle_timeout);
    if (!co_await fill()) {
      co_return std::nullopt;
    }
  }
  busy_ = true;
  expire_in(options.header_timeout);
  Parser parser;
  parser.eager(true);
  parser.header_limit(static_cast<std::uint32_t>(options.max_header_bytes));
  parser.body_limit(options.max_body_bytes);
  std::optional<Refusal> refusal = co_await parse(parser);
  expire_never();
  if (!refusal) {
    refusal = header_fault(parser);
  }
  if (refusal) {
    if (refusal->status != 0) {
      co_await refuse(*refusal);
    }
    co_return std::nullopt;
  }
  framing_ = {.http11 = parser.get().version() >= 11,
              .keep_alive = parser.keep_alive() && !shared_->stopping,
              .head = parser.get().method() == http::verb::head};
  co_return to_request(parser);
}

/// Answers what is no request, then waits a little for the client to stop sending: closing at once would reset the
/// connection before the answer is read.
asio::awaitable<void> Connection::refuse(const Refusal& refusal) {
  const bool retriable = refusal.status == 408;
  Writer writer({.keep_alive = false}, shared_->options.max_pending_bytes, nullptr);
  writer.respond(refusal.status, {{"Content-Type", "application/json"}},
                 error_body({"INVALID_REQUEST", refusal.message, retriable}));
  std::string bytes;
  if (writer.take(bytes) != Writer::Next::send || !co_await send(std::move(bytes))) {
    co_return;
  }
  ErrorCodeOf ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  expire_in(kLinger);
  const auto until = Clock::now() + kLinger;
  while (Clock::now() < until && co_await fill()) {
    input_.clear();
  }
  expire_never();
}

/// Reads while the answer is under way: what comes is kept for later, and the end of the stream means that the client
/// has gone.
void Connection::watch() {
  watching_ = true;
  socket_.async_read_some(asio::buffer(read_), [this](const ErrorCodeOf& error, std::size_t n) {
    watching_ = false;
    input_.append(read_.data(), n);
    if (error && error != asio::error::operation_aborted) {
      gone_ = true;
    } else if (!error && writer_ && input_.size() < kMaxReadAhead) {
      watch();
      return;
    }
    wake_.cancel();
  });
}

asio::awaitable<void> Connection::end_watch() {
  ErrorCodeOf ignored;
  while (watching_) {
    socket_.cancel(ignored);
    co_await sleep();
  }
}

/// Sends what the writer holds as it comes; true when the connection may go on.
asio::awaitable<bool> Connection::answer() {
  bool sent = false;
  watch();
  for (;;) {
    std::string bytes;
    const Writer::Next next = gone_ ? Writer::Next::drop : writer_->take(bytes);
    if (next == Writer::Next::wait) {
      co_await sleep();
      continue;
    }
    sent = next == Writer::Next::done;
    if (next != Writer::Next::send || !co_await send(std::move(bytes))) {
      break;
    }
  }
  const std::shared_ptr<Writer> writer = std::move(writer_);
  writer->client_gone();
  writer->detach();
  co_await end_watch();
  co_return sent && !gone_ && writer->keep_alive();
}

asio::awaitable<void> Connection::serve() {
  for (bool go_on = true; go_on && !shared_->stopping;) {
    std::optional<HttpRequest> request = co_await read_request();
    if (!request) {
      break;
    }
    const auto executor = socket_.get_executor();
    gone_ = false;
    // The writer may outlive this object; it calls its `wake` until it is detached.
    writer_ = std::make_shared<Writer>(framing_, shared_->options.max_pending_bytes, [executor, alive = alive_] {
      asio::post(executor, [alive] {
        if (*alive != nullptr) {
          (*alive)->wake_.cancel();
        }
      });
    });
    const auto writer = writer_;
    shared_->handler(std::move(*request), {writer.get(), [writer](ResponseWriter*) { writer->abandon(); }});
    go_on = co_await answer();
    busy_ = false;
  }
  ErrorCodeOf ignored;
  socket_.shutdown(asio::socket_base::shutdown_both, ignored);
}

asio::awaitable<void> serve_client(Shared& shared, Stream::socket socket) {
  Connection connection(shared, std::move(socket));
  co_await connection.serve();
}

}  // namespace

struct HttpServer::Impl {
  Shared shared;
  std::string uri;
  asio::io_context io{1};
  asio::basic_socket_acceptor<Stream> acceptor{io};
  std::thread thread;

  asio::awaitable<void> accept();
  void stop(std::chrono::milliseconds patience);
};

asio::awaitable<void> HttpServer::Impl::accept() {
  for (;;) {
    ErrorCodeOf error;
    Stream::socket socket(io);
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor.is_open()) {
      co_return;
    }
    if (error) {  // out of file descriptors, or a client that left in the queue
      asio::steady_timer pause(io, kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (static_cast<int>(shared.connections.size()) >= shared.options.max_connections) {
      continue;  // closed at once
    }
    const int on = 1;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    asio::co_spawn(io, serve_client(shared, std::move(socket)), asio::detached);
  }
}

void HttpServer::Impl::stop(std::chrono::milliseconds patience) {
  if (!thread.joinable()) {
    return;
  }
  asio::steady_timer limit(io);
  asio::post(io, [&] {
    ErrorCodeOf ignored;
    acceptor.close(ignored);
    shared.stopping = true;
    for (Connection* connection : shared.connections) {
      connection->stop();
    }
    if (shared.connections.empty()) {
      return;
    }
    limit.expires_after(patience);
    limit.async_wait([this](const ErrorCodeOf& error) {
      if (!error) {
        io.stop();
      }
    });
    shared.all_closed = [&limit] { limit.cancel(); };
  });
  thread.join();
  shared.all_closed = nullptr;
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  stop(std::chrono::milliseconds(0));
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpOptions& options, Handler handler) {
  LL_ASSIGN(const Listener listener, listen_tcp(options.host, options.port));
  auto impl = std::make_unique<Impl>();
  impl->shared.options = options;
  impl->shared.handler = std::move(handler);
  impl->uri = listener.uri;
  impl->acceptor.assign(Stream(listener.family, IPPROTO_TCP), listener.fd);
  asio::co_spawn(impl->io, impl->accept(), asio::detached);
  impl->thread = std::thread([io = &impl->io] {
    ::pthread_setname_np(::pthread_self(), "llorch-http");
    io->run();
  });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::uri() const {
  return impl_->uri;
}

void HttpServer::stop(std::chrono::milliseconds patience) {
  impl_->stop(patience);
}

}  // namespace llorch
