// The HTTP server: one thread that accepts, and on which every connection's coroutines run.
#include "server/http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <thread>

#include "base/format.h"
#include "server/connection.h"
#include "server/listener.h"
#include "server/tls_stream.h"

namespace llorch {
namespace {

namespace asio = boost::asio;
using Stream = asio::generic::stream_protocol;

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kMaxLeaving = 64;  // connections that were answered or turned away, beyond those that are served

}  // namespace

struct HttpServer::Impl {
  ConnectionGroup group;
  std::string uri;
  asio::io_context io{1};
  asio::basic_socket_acceptor<Stream> acceptor{io};
  std::thread thread;

  asio::awaitable<void> accept();
  void take(Stream::socket socket);
  bool make_room();
  void run();
  void stop(std::chrono::milliseconds patience);
};

asio::awaitable<void> HttpServer::Impl::accept() {
  for (;;) {
    boost::system::error_code error;
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
    try {
      take(std::move(socket));
    } catch (const std::exception&) {  // out of memory: this client sees its connection break
    }
  }
}

void HttpServer::Impl::take(Stream::socket socket) {
  const HttpOptions& options = group.options;
  const auto is_leaving = [](const Connection* c) { return c->phase() == Connection::Phase::leaving; };
  const auto all = static_cast<int>(group.connections.size());
  const auto leaving = static_cast<int>(std::count_if(group.connections.begin(), group.connections.end(), is_leaving));
  if (leaving > options.max_connections + kMaxLeaving) {
    return;  // closed at once
  }
  const bool room = all - leaving < options.max_connections || make_room();
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  auto stream = options.tls ? make_tls_stream(std::move(socket), *options.tls) : make_plain_stream(std::move(socket));
  const auto connection = std::make_shared<Connection>(group, std::move(stream), io.get_executor());
  if (room) {
    connection->start();
  } else {
    connection->turn_away({503, fmt::format("all {} connections are in use", options.max_connections)});
  }
}

/// Closes the connection that waited longest for a request, or for the rest of one; false when all are being answered.
bool HttpServer::Impl::make_room() {
  const auto waits_longer = [](const Connection* a, const Connection* b) {
    return a->phase() != b->phase() ? a->phase() < b->phase() : a->since() < b->since();
  };
  const auto longest = std::min_element(group.connections.begin(), group.connections.end(), waits_longer);
  if (longest == group.connections.end() || (*longest)->phase() >= Connection::Phase::answering) {
    return false;
  }
  (*longest)->close();
  return true;
}

void HttpServer::Impl::run() {
  ::pthread_setname_np(::pthread_self(), "llorch-http");
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception&) {  // out of memory in a completion; the others go on
    }
  }
}

void HttpServer::Impl::stop(std::chrono::milliseconds patience) {
  if (!thread.joinable()) {
    return;
  }
  asio::steady_timer limit(io);
  asio::post(io, [&] {
    boost::system::error_code ignored;
    remove_socket_file(group.options.host);
    acceptor.close(ignored);
    group.stopping = true;
    const std::set<Connection*> all = group.connections;
    for (Connection* connection : all) {
      connection->stop();
    }
    if (group.connections.empty()) {
      return;
    }
    limit.expires_after(patience);
    limit.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        io.stop();
      }
    });
    group.all_closed = [&limit] { limit.cancel(); };
  });
  thread.join();
  group.all_closed = nullptr;
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  stop(std::chrono::milliseconds(0));
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpOptions& options, Gate gate, Handler handler) {
  LL_ASSIGN(const Listener listener, listen_on(options.host, options.port, options.tls != nullptr));
  auto impl = std::make_unique<Impl>();
  impl->group.options = options;
  impl->group.gate = std::move(gate);
  impl->group.handler = std::move(handler);
  impl->uri = listener.uri;
  impl->acceptor.assign(Stream(listener.family, listener.family == AF_UNIX ? 0 : IPPROTO_TCP), listener.fd);
  asio::co_spawn(impl->io, impl->accept(), asio::detached);
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::uri() const {
  return impl_->uri;
}

void HttpServer::stop(std::chrono::milliseconds patience) {
  impl_->stop(patience);
}

}  // namespace llorch
