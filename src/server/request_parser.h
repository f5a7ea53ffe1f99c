// RequestParser: bytes of a client to an HttpRequest, or to the status with which it is refused. Without sockets, so
// that a fuzzer can feed it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/http.h"
#include "server/response.h"

namespace llorch {

/// A request that cannot be served, and what its sender is told.
struct Refusal {
  int status;
  std::string message;
};

/// Parses one request; make a new one for the next.
class RequestParser {
 public:
  RequestParser(std::size_t max_header_bytes, std::size_t max_body_bytes);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class State { need_more, done, refused };
  /// Takes what it can from the front of `input`; call again when there is more. After `done` what is left of `input`
  /// belongs to the next request.
  State feed(std::string& input);
  /// Of State::refused.
  const Refusal& refusal() const { return *refusal_; }
  /// The header is whole, and the client waits for "100 Continue" before it sends the body. True once.
  bool take_continue();
  /// A byte of the request has come.
  bool begun() const { return begun_; }
  bool header_done() const;
  /// The request without its body; once header_done().
  HttpRequest head() const;
  /// Of State::done.
  HttpRequest release();
  Framing framing() const;

 private:
  State refuse(int status, std::string message);
  bool check_header();
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::size_t max_header_bytes_;
  std::size_t max_body_bytes_;
  std::optional<Refusal> refusal_;
  bool begun_ = false;
  bool header_checked_ = false;
  bool continue_wanted_ = false;
};

}  // namespace llorch
