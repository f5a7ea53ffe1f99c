// A small HTTP client: one connection at a time, the body handed on as it arrives. By libcurl, which stays in
// http_client.cpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace llorch::cli {

struct HttpClientOptions {
  std::string name;       // of the server in messages
  std::string unix_path;  // not empty: all connections go to this socket
  std::string cacert;     // PEM file that certificates are checked against; empty: the system's
  bool insecure = false;  // https without checking certificates
  int stop_fd = -1;       // when it becomes readable, the call under way ends with ErrorCode::cancelled; -1: none
};

struct HttpCall {
  std::string url;
  std::vector<std::string> headers;  // "Accept: text/event-stream"
  std::optional<std::string> body;   // given: POST, else GET
  double timeout_s = 0;              // of the whole call
};

/// What is known of a reply before its body.
struct HttpHead {
  int status = 0;
  std::string content_type;  // "text/event-stream", without parameters, in small letters
};

/// Connections of one thread. Redirects are not followed, and no proxy is used, whatever the environment says.
class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  using OnBody = std::function<Status(const HttpHead&, std::string_view)>;

  /// Makes the call and hands each piece of the body to `on_body`, whose error ends the call and is returned. Of its
  /// own it returns io (no connection, or it was lost before the end of the body), timeout, cancelled, and
  /// invalid_argument for a URL or a --cacert that cannot be used.
  Result<HttpHead> call(const HttpCall& call, const OnBody& on_body);

 private:
  struct Handles;
  HttpClientOptions options_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace llorch::cli
