#include "gpu/emulator/copies.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "gpu/emulator/machine.h"

namespace llorch::emulator {
namespace {

constexpr std::size_t kBytes = 16;

struct Copy {
  void* to;          // nullptr: has arrived
  const void* from;  // nullptr: zeros
};

struct Copies {
  std::vector<Copy> pending;
  std::deque<std::size_t> groups;  // how many copies each has that was committed and not waited for
  std::size_t n_grouped = 0;
  bool hidden = false;
};

std::vector<Copies> of_threads(kMostThreads);

Copies& own() {
  return of_threads[static_cast<std::size_t>(thread_number())];
}

void arrive(const Copy& copy) {
  if (copy.to == nullptr) {
    return;
  }
  if (copy.from == nullptr) {
    std::memset(copy.to, 0, kBytes);
  } else {
    std::memcpy(copy.to, copy.from, kBytes);
  }
}

}  // namespace

void copy(void* to, const void* from, bool there) {
  if (reinterpret_cast<std::uintptr_t>(to) % kBytes != 0 || reinterpret_cast<std::uintptr_t>(from) % kBytes != 0) {
    stop("an asynchronous copy with an address that is no multiple of 16");
  }
  Copy copy{to, there ? from : nullptr};
  if (takes_early()) {
    arrive(copy);
    copy.to = nullptr;
  }
  own().pending.push_back(copy);
}

void commit_copies() {
  Copies& copies = own();
  copies.groups.push_back(copies.pending.size() - copies.n_grouped);
  copies.n_grouped = copies.pending.size();
}

void wait_copies(int n) {
  Copies& copies = own();
  std::size_t n_arrived = 0;
  while (copies.groups.size() > static_cast<std::size_t>(n)) {
    n_arrived += copies.groups.front();
    copies.groups.pop_front();
  }
  const auto end = copies.pending.begin() + static_cast<std::ptrdiff_t>(n_arrived);
  for (auto copy = copies.pending.begin(); copy != end; ++copy) {
    arrive(*copy);
  }
  copies.hidden = copies.hidden || n_arrived > 0;
  copies.pending.erase(copies.pending.begin(), end);
  copies.n_grouped -= n_arrived;
}

bool has_hidden_copies() {
  return own().hidden;
}
void show_copies() {
  own().hidden = false;
}

void forget_copies(int n) {
  for (int i = 0; i < n; ++i) {
    Copies& copies = of_threads[static_cast<std::size_t>(i)];
    copies.pending.clear();
    copies.groups.clear();
    copies.n_grouped = 0;
    copies.hidden = false;
  }
}

}  // namespace llorch::emulator
