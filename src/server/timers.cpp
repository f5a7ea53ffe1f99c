#include "server/timers.h"

#include <pthread.h>

#include <exception>

namespace llorch {

Timers::Timers() : thread_([this] { loop(); }) {}

Timers::~Timers() {
  stop();
}

void Timers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Timers::Id Timers::at(Clock::time_point when, std::function<void()> run) {
  const std::lock_guard lock(mutex_);
  const Id id{when, ++last_};
  due_.emplace(id, std::move(run));
  wake_.notify_one();
  return id;
}

void Timers::every(std::chrono::milliseconds interval, std::function<void()> run) {
  at(Clock::now() + interval, [this, interval, run = std::move(run)] {
    every(interval, run);  // first, so that one that throws runs again
    run();
  });
}

void Timers::cancel(const Id& id) {
  const std::lock_guard lock(mutex_);
  due_.erase(id);
}

void Timers::loop() {
  ::pthread_setname_np(::pthread_self(), "llorch-timers");
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (due_.empty()) {
      wake_.wait(lock);
    } else if (const auto first = due_.begin(); first->first.when > Clock::now()) {
      const Clock::time_point when = first->first.when;  // the entry may be gone when we wake
      wake_.wait_until(lock, when);
    } else {
      const std::function<void()> run = std::move(first->second);
      due_.erase(first);
      lock.unlock();
      try {
        run();
      } catch (const std::exception&) {  // out of memory
      }
      lock.lock();
    }
  }
}

}  // namespace llorch
