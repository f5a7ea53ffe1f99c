// Timers: functions that run at a time, one after the other, on a thread of their own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace llorch {

/// Thread-safe. Functions must not block for long, and may call at() and cancel(). One that throws is dropped.
class Timers {
 public:
  using Clock = std::chrono::steady_clock;
  /// Names one function to come; 0 is none.
  struct Id {
    Clock::time_point when;
    std::uint64_t number = 0;
    auto operator<=>(const Id&) const = default;
  };

  Timers();
  /// stop()
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  Id at(Clock::time_point when, std::function<void()> run);
  /// Runs every `interval`, the first time after one.
  void every(std::chrono::milliseconds interval, std::function<void()> run);
  /// Nothing happens when it has run already, or runs now.
  void cancel(const Id& id);
  /// Joins; at() and cancel() may still be called, and nothing comes of it.
  void stop();

 private:
  void loop();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<Id, std::function<void()>> due_;
  std::uint64_t last_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace llorch
