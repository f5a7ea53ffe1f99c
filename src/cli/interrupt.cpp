// An eventfd that the handler writes to; interrupt.h says what it promises.
#include "cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace llorch::cli {
namespace {

std::atomic<int> handler_fd{-1};  // what a signal handler can reach
static_assert(std::atomic<int>::is_always_lock_free);

void on_interrupt(int /*signal*/) {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(handler_fd, &one, sizeof one);  // never full: nobody adds 2^64
  errno = saved;
}

}  // namespace

Interrupt::Interrupt() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  handler_fd = fd_;
  struct sigaction action = {};
  action.sa_handler = fd_ < 0 ? SIG_DFL : on_interrupt;
  ::sigaction(SIGINT, &action, &before_);
}

Interrupt::~Interrupt() {
  ::sigaction(SIGINT, &before_, nullptr);
  handler_fd = -1;
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

bool Interrupt::wait(int ms) const {
  pollfd ready = {fd_, POLLIN, 0};
  int n = -1;
  do {
    n = ::poll(&ready, 1, ms);
  } while (n < 0 && errno == EINTR);
  return n > 0 && (ready.revents & POLLIN) != 0;
}

}  // namespace llorch::cli
