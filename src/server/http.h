// The HTTP seam: requests in, answers out, without a word of sockets. What is behind it (http_server, connection,
// request_parser, the streams) includes Boost; api.cpp routes.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/tls.h"

namespace llorch {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;   // "POST"
  std::string path;     // the target without its query
  HttpHeaders headers;  // names in lower case
  std::string body;

  /// The first header of that (lower case) name; empty when absent.
  std::string_view header(std::string_view name) const;
};

/// The one answer to one request. Thread-safe; never blocks: what the client does not read in time waits in a bounded
/// buffer, and a client that lets it overflow counts as gone. Calls after the end, or after the client has gone, do
/// nothing.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  /// The whole answer, with Content-Length. Instead of begin().
  virtual void respond(int status, const HttpHeaders& headers, std::string_view body) = 0;
  /// Begins a stream: chunked for HTTP/1.1, ended by closing for HTTP/1.0.
  virtual void begin(int status, const HttpHeaders& headers) = 0;
  virtual void write(std::string_view chunk) = 0;
  virtual void end() = 0;
  /// The client went away before the end.
  virtual bool closed() const = 0;
  /// `gone` is called once, on any thread, when the client goes away, or closes its sending side, before the end; at
  /// once when it has already. In the second case what is written still arrives.
  virtual void on_close(std::function<void()> gone) = 0;
};

struct HttpOptions {
  std::string host = "127.0.0.1";   // or unix:PATH
  int port = 8080;                  // 0: a free one
  std::shared_ptr<TlsContext> tls;  // null: plain
  std::size_t max_header_bytes = 16 << 10;
  std::size_t max_body_bytes = 8 << 20;
  std::size_t max_pending_bytes = 1 << 20;         // of an answer that its client does not read
  int max_connections = 1024;                      // beyond: the longest idle one makes room, or the new one gets a 503
  std::chrono::milliseconds idle_timeout{75'000};  // between the requests of a connection
  std::chrono::milliseconds header_timeout{10'000};  // from a request's first byte to the end of its header
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds write_timeout{30'000};  // for any part of an answer
};

/// Owns the listening socket, the connections and the one thread that serves them.
class HttpServer {
 public:
  /// Called on the server's thread: must not block, and must see to it that `writer` is answered, now or later. One
  /// that is dropped unanswered answers 500.
  using Handler = std::function<void(HttpRequest request, std::shared_ptr<ResponseWriter> writer)>;

  /// Called when a request's header is whole, before its body is read. False: it was answered by then (whole); the
  /// connection goes on if the request has come as a whole, and closes otherwise.
  using Gate = std::function<bool(const HttpRequest& head, ResponseWriter& writer)>;

  /// Binds, listens and begins to serve. An address that cannot be bound is ErrorCode::io.
  static Result<std::unique_ptr<HttpServer>> start(const HttpOptions& options, Gate gate, Handler handler);
  /// stop() without patience.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "http://127.0.0.1:8080", with the port that was bound; "https://..." or "unix:PATH".
  const std::string& uri() const;
  /// Takes no more connections or requests, lets answers under way finish within `patience`, then drops the rest.
  void stop(std::chrono::milliseconds patience);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// "Not Found"
std::string_view http_reason(int status);

}  // namespace llorch
