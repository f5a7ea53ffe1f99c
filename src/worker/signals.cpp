// sigwait() in a thread; signals.h says what it promises.
#include "worker/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

namespace llorch {
namespace {

constexpr int kSignalBase = 128;  // the shell's exit code of a process that a signal ended

sigset_t stop_signals(bool hangs_up) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGUSR2);  // the destructor's own
  if (hangs_up) {
    sigaddset(&set, SIGHUP);
  }
  return set;
}

/// Whether SIGHUP means something: under nohup it does not.
bool hangs_up() {
  struct sigaction now {};
  return ::sigaction(SIGHUP, nullptr, &now) != 0 || now.sa_handler != SIG_IGN;
}

}  // namespace

StopSignal::StopSignal() : hangs_up_(hangs_up()) {
  const sigset_t set = stop_signals(hangs_up_);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a log that may not grow is no reason to end
  thread_ = std::thread([this] { run(); });
}

StopSignal::~StopSignal() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ::pthread_kill(thread_.native_handle(), SIGUSR2);
  thread_.join();
}

void StopSignal::set_cleanup(std::function<void(int)> cleanup) {
  const std::lock_guard lock(mutex_);
  cleanup_ = std::move(cleanup);
}

void StopSignal::set_drains() {
  const std::lock_guard lock(mutex_);
  drains_ = true;
}

void StopSignal::raise() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  signalled_.notify_all();
}

void StopSignal::wait() {
  std::unique_lock lock(mutex_);
  signalled_.wait(lock, [this] { return stop_; });
}

void StopSignal::run() {
  const sigset_t set = stop_signals(hangs_up_);
  for (;;) {
    int signal = 0;
    if (::sigwait(&set, &signal) != 0) {
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (signal == SIGUSR2) {
      if (ending_) {
        return;
      }
      continue;
    }
    if (signalled_before_ || !drains_) {
      if (cleanup_) {
        cleanup_(signal);
      }
      std::_Exit(signalled_before_ ? kSignalBase + signal : 0);
    }
    signalled_before_ = true;
    stop_ = true;
    signalled_.notify_all();
  }
}

}  // namespace llorch
