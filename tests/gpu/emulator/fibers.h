// Fibers: stacks of their own, all run by one thread, which goes from one to the other where they say so. A kernel's
// threads are fibers. AddressSanitizer is told of every change of stacks.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

namespace llorch::emulator {

/// Memory of stacks, side by side with a page that nobody may touch below each; reused by fiber after fiber.
class Stacks {
 public:
  Stacks() = default;
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  ~Stacks();
  /// At least n stacks from now on; no fiber may be on one. Ends the process where there is no memory.
  void reserve(int n);
  /// The lowest byte of stack i.
  std::byte* bottom(int i) const;
  static std::size_t size();

 private:
  std::byte* memory_ = nullptr;
  int n_ = 0;
};

/// A fiber, or the place of the thread itself while fibers run. Lives where it is: others point to it.
class Fiber {
 public:
  /// Made the thread's own by the first switch away from it.
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  /// The next switch to this fiber calls entry(), which ends by end() and never returns.
  void prepare(std::byte* bottom, std::size_t size, void (*entry)());
  /// Goes on with `to`; returns when somebody switches back.
  void switch_to(Fiber& to);
  /// The same, for good: the stack may be used again.
  [[noreturn]] void end(Fiber& to);

 private:
  static void enter(boost::context::detail::transfer_t from);
  static void arrive(boost::context::detail::transfer_t from);

  boost::context::detail::fcontext_t context_ = nullptr;
  void (*entry_)() = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
};

}  // namespace llorch::emulator
