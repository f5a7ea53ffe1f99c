// ThreadBudget: how many threads of a team a short job should have beside other programs.
//
// When another program takes one of n cores for half of the time, threads that meet at barriers all wait for the one
// that it stopped: the job gets half of n cores. With one thread less it gets n - 1. (Turns cure this only where the
// work between two barriers is longer than a time slice of the scheduler.)
#pragma once

#include <chrono>

namespace llorch {

class ThreadBudget {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ThreadBudget(int most) : most_(most), threads_(most) {}

  /// For the next job, in [1, most].
  int threads() const { return threads_; }
  /// A job of threads() threads is done; `waited` is the time, of all of them together, that they were kept from a core
  /// (run_delay()).
  void ran(Clock::time_point begin, Clock::time_point end, std::chrono::nanoseconds waited);

 private:
  int most_;
  int threads_;
  std::chrono::duration<double> ran_{0};  // since the last decision
  std::chrono::duration<double> waited_{0};
  std::chrono::milliseconds pause_{0};  // until all threads are tried again
  Clock::time_point try_all_at_{};
};

}  // namespace llorch
