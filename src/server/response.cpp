// Framing of answers; response.h says what it promises.
#include "server/response.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace llorch {

std::string_view http_reason(int status) {
  static constexpr std::pair<int, std::string_view> kReasons[] = {
      {100, "Continue"},
      {200, "OK"},
      {202, "Accepted"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {507, "Insufficient Storage"},
  };
  for (const auto& [code, reason] : kReasons) {
    if (code == status) {
      return reason;
    }
  }
  return "Unknown";
}

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

Writer::Writer(Framing framing, std::size_t max_pending_bytes, std::function<void()> wake)
    : framing_(framing), max_pending_bytes_(max_pending_bytes), wake_(std::move(wake)) {}

void Writer::notify() {
  if (wake_) {
    wake_();
  }
}

void Writer::head(int status, const HttpHeaders& headers, std::string_view framing_header) {
  begun_ = true;
  auto out = std::back_inserter(pending_);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", status, http_reason(status));
  for (const auto& [name, value] : headers) {
    fmt::format_to(out, "{}: {}\r\n", name, value);
  }
  const char* connection =
      framing_.keep_alive ? (framing_.http11 ? "" : "Connection: keep-alive\r\n") : "Connection: close\r\n";
  fmt::format_to(out, "{}{}\r\n", framing_header, connection);
}

void Writer::respond(int status, const HttpHeaders& headers, std::string_view body) {
  const std::lock_guard lock(mutex_);
  if (begun_ || closed_) {
    return;
  }
  head(status, headers, fmt::format("Content-Length: {}\r\n", body.size()));
  pending_ += framing_.head ? std::string_view() : body;
  ended_ = true;
  gone_ = nullptr;
  notify();
}

void Writer::begin(int status, const HttpHeaders& headers) {
  const std::lock_guard lock(mutex_);
  if (begun_ || closed_) {
    return;
  }
  framing_.keep_alive = framing_.keep_alive && framing_.http11;
  head(status, headers, framing_.http11 ? "Transfer-Encoding: chunked\r\n" : "");
  notify();
}

void Writer::write(std::string_view chunk) {
  const std::lock_guard lock(mutex_);
  if (!begun_ || ended_ || closed_ || overflowed_ || framing_.head || chunk.empty()) {
    return;
  }
  if (pending_.size() + chunk.size() > max_pending_bytes_) {
    overflowed_ = true;  // the connection closes itself, and by that tells whoever answers
  } else if (framing_.http11) {
    fmt::format_to(std::back_inserter(pending_), "{:x}\r\n{}\r\n", chunk.size(), chunk);
  } else {
    pending_ += chunk;
  }
  notify();
}

void Writer::end() {
  const std::lock_guard lock(mutex_);
  if (!begun_ || ended_ || closed_) {
    return;
  }
  if (framing_.http11 && !framing_.head) {
    pending_ += "0\r\n\r\n";
  }
  ended_ = true;
  gone_ = nullptr;
  notify();
}

bool Writer::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

void Writer::on_close(std::function<void()> gone) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && !left_) {
      gone_ = std::move(gone);
      return;
    }
  }
  gone();
}

Writer::Next Writer::take(std::string& bytes) {
  const std::lock_guard lock(mutex_);
  if (overflowed_) {
    return Next::drop;
  }
  bytes.clear();
  std::swap(bytes, pending_);
  if (!bytes.empty()) {
    return Next::send;
  }
  return ended_ ? Next::done : Next::wait;
}

void Writer::abandon() {
  respond(500, {}, "");
  const std::lock_guard lock(mutex_);
  overflowed_ = overflowed_ || !ended_;
  notify();
}

void Writer::tell_gone(bool closed) {
  std::function<void()> gone;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || ended_) {
      return;
    }
    left_ = true;
    if (closed) {
      closed_ = true;
      pending_.clear();
    }
    gone = std::exchange(gone_, nullptr);
  }
  if (gone) {
    gone();
  }
}

void Writer::client_left() {
  tell_gone(false);
}

void Writer::client_gone() {
  tell_gone(true);
}

bool Writer::overflowed() const {
  const std::lock_guard lock(mutex_);
  return overflowed_;
}

void Writer::detach() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
}

bool Writer::keep_alive() const {
  const std::lock_guard lock(mutex_);
  return framing_.keep_alive;
}

}  // namespace llorch
