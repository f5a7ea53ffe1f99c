// Writer: the ResponseWriter of a connection. Frames the answer as bytes and holds them until the connection takes
// them.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "server/http.h"

namespace llorch {

/// What the request allows of its answer.
struct Framing {
  bool http11 = true;      // chunks are understood
  bool keep_alive = true;  // the connection goes on after the answer
  bool head = false;       // no body may follow
};

/// Shared by whoever answers (any thread) and the connection, which detaches itself before it ends.
class Writer final : public ResponseWriter {
 public:
  /// `wake` tells the connection that take() has something new; called under the lock, so it must only post.
  Writer(Framing framing, std::size_t max_pending_bytes, std::function<void()> wake);
  ~Writer() override = default;

  void respond(int status, const HttpHeaders& headers, std::string_view body) override;
  void begin(int status, const HttpHeaders& headers) override;
  void write(std::string_view chunk) override;
  void end() override;
  bool closed() const override;
  void on_close(std::function<void()> gone) override;

  // The connection's side.
  enum class Next { send, wait, done, drop };
  /// `send`: `bytes` are to be sent; `done`: all was; `drop`: the client was too slow.
  Next take(std::string& bytes);
  /// Nobody holds the writer any more: an answer that was never begun becomes a 500, one without an end is dropped.
  void abandon();
  /// The client will not ask for more, and may have gone: tells whoever answers. What is written is still sent.
  void client_left();
  /// The client has gone: tells whoever answers, and takes nothing more.
  void client_gone();
  /// The client let more bytes wait than it may.
  bool overflowed() const;
  /// The connection ends; wake is not called any more.
  void detach();
  /// Whether the connection may serve another request after this answer.
  bool keep_alive() const;

 private:
  void head(int status, const HttpHeaders& headers, std::string_view framing_header);
  void tell_gone(bool closed);
  void notify();

  mutable std::mutex mutex_;
  Framing framing_;
  std::size_t max_pending_bytes_;
  std::function<void()> wake_;
  std::function<void()> gone_;
  std::string pending_;
  bool begun_ = false;
  bool ended_ = false;
  bool left_ = false;
  bool closed_ = false;
  bool overflowed_ = false;
};

}  // namespace llorch
