// ThreadBudget: how many threads of a team a run should have beside other programs, when its threads meet often.
//
// When another program takes one of n cores for half of the time, threads that meet at barriers all wait for the one
// that it stopped: the run gets half of n cores. With one thread less it gets n - 1. (Turns cure this only where the
// work between two barriers is longer than a time slice of the scheduler.)
#pragma once

#include <chrono>

namespace llorch {

class ThreadBudget {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ThreadBudget(int most) : most_(most), threads_(most) {}

  /// For the next run, in [1, most].
  int threads() const { return threads_; }
  /// Whether the threads of the next run have to remember, as it begins, how long they have been kept from a core.
  bool begins() const { return !has_begun_; }
  /// Whether told() is due after the next run. Seldom: asking costs a thread a few microseconds.
  bool asks() const;
  /// A run of threads() threads is done.
  void ran(Clock::time_point begin, Clock::time_point end) { ran_ += end - begin; }
  /// What asks() asks for, after ran(): how long the threads of that run were kept from a core (run_delay()), all
  /// together, since they remembered or were last asked; between runs too, where they hardly wait.
  void told(Clock::time_point now, std::chrono::nanoseconds waited);
  /// The threads did something else, of which they must not tell.
  void interrupted() {
    has_begun_ = false;
    ran_ = {};
    waited_ = {};
  }

 private:
  int most_;
  int threads_;
  bool has_begun_ = false;                // all of threads_ remember, and nothing interrupted since
  std::chrono::duration<double> ran_{0};  // since then, or since the last decision
  std::chrono::nanoseconds waited_{0};    // meanwhile, as far as told
  std::chrono::milliseconds pause_{0};    // until all threads are tried again
  Clock::time_point try_all_at_{};
};

}  // namespace llorch
