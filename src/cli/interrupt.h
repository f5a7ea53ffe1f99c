// Ctrl-C as something that a loop can wait for.
#pragma once

#include <csignal>

namespace llorch::cli {

/// Takes SIGINT as long as it lives; one at a time. A write that is blocked when the signal comes fails with EINTR.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Readable from the first Ctrl-C on; -1 when the system has no descriptor left (Ctrl-C then ends the program).
  int fd() const { return fd_; }
  /// Waits at most `ms` milliseconds; whether Ctrl-C has come.
  bool wait(int ms) const;

 private:
  int fd_;
  struct sigaction before_ = {};
};

}  // namespace llorch::cli
