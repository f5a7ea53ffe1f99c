// Signals as a thread of their own: SIGTERM, SIGINT and SIGHUP become a call, so that no code runs in a signal handler.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace llorch {

/// Make it before any other thread: threads inherit that these signals are blocked. The first signal is noted; while
/// nothing is worth waiting for (the start) it ends the process with exit code 0. The second ends the process at once.
/// A SIGHUP that is ignored (nohup) stays so.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Called with the signal before it ends the process; on the signals' thread.
  void set_cleanup(std::function<void(int signal)> cleanup);
  /// From here on the first signal ends wait() instead of the process.
  void set_drains();
  /// wait() ends as at a first signal, which may still come and then changes nothing.
  void raise();
  /// Returns at the first signal.
  void wait();

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable signalled_;
  std::function<void(int)> cleanup_;
  bool hangs_up_;
  bool drains_ = false;
  bool stop_ = false;
  bool signalled_before_ = false;  // by a signal, not by raise()
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace llorch
