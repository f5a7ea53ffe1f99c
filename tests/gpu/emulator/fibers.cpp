#include "gpu/emulator/fibers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace llorch::emulator {
namespace {

namespace context = boost::context::detail;

/// Of the memory's protection, of which kStackSize is a multiple.
std::size_t page() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStackSize = 1024 * 1024;  // instrumented frames are large

void leave_stack(void** fake_stack, const void* to_bottom, std::size_t to_size) {
  __sanitizer_start_switch_fiber(fake_stack, to_bottom, to_size);
}
void reach_stack(void* fake_stack, const void** from_bottom, std::size_t* from_size) {
  __sanitizer_finish_switch_fiber(fake_stack, from_bottom, from_size);
}
#else
constexpr std::size_t kStackSize = 256 * 1024;

void leave_stack(void** /*fake_stack*/, const void* /*to_bottom*/, std::size_t /*to_size*/) {}
void reach_stack(void* /*fake_stack*/, const void** /*from_bottom*/, std::size_t* /*from_size*/) {}
#endif

/// The fiber that is being entered for the first time, since its stack has nothing yet.
Fiber* entered = nullptr;

}  // namespace

Stacks::~Stacks() {
  if (memory_ != nullptr) {
    munmap(memory_, static_cast<std::size_t>(n_) * (kStackSize + page()));
  }
}

void Stacks::reserve(int n) {
  if (n <= n_) {
    return;
  }
  if (memory_ != nullptr) {
    munmap(memory_, static_cast<std::size_t>(n_) * (kStackSize + page()));
  }
  const std::size_t bytes = static_cast<std::size_t>(n) * (kStackSize + page());
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("emulator: no memory for stacks");
    std::abort();
  }
  memory_ = static_cast<std::byte*>(memory);
  n_ = n;
  for (int i = 0; i < n; ++i) {
    if (mprotect(bottom(i) - page(), page(), PROT_NONE) != 0) {
      std::perror("emulator: no guard for a stack");
      std::abort();
    }
  }
}

std::byte* Stacks::bottom(int i) const {
  return memory_ + static_cast<std::size_t>(i) * (kStackSize + page()) + page();
}

std::size_t Stacks::size() {
  return kStackSize;
}

void Fiber::prepare(std::byte* bottom, std::size_t size, void (*entry)()) {
  bottom_ = bottom;
  size_ = size;
  fake_stack_ = nullptr;
  entry_ = entry;
  context_ = context::make_fcontext(bottom + size, size, enter);
}

void Fiber::switch_to(Fiber& to) {
  entered = &to;
  leave_stack(&fake_stack_, to.bottom_, to.size_);
  const context::transfer_t from = context::jump_fcontext(to.context_, this);
  arrive(from);
  reach_stack(fake_stack_, nullptr, nullptr);
}

void Fiber::end(Fiber& to) {
  entered = &to;
  leave_stack(nullptr, to.bottom_, to.size_);
  context::jump_fcontext(to.context_, this);
  std::abort();  // nobody switches to a fiber that has ended
}

void Fiber::arrive(context::transfer_t from) {
  static_cast<Fiber*>(from.data)->context_ = from.fctx;
}

// Its frame is never left, so that what a sanitizer puts around variables would stay on the stack for the next fiber.
__attribute__((no_sanitize("address"))) void Fiber::enter(context::transfer_t from) {
  auto* left = static_cast<Fiber*>(from.data);
  left->context_ = from.fctx;
  reach_stack(nullptr, &left->bottom_, &left->size_);
  entered->entry_();
  std::abort();  // entry_() ends the fiber
}

}  // namespace llorch::emulator
