#include "largest_allocation.h"

#include <cstdlib>
#include <new>

namespace {

std::size_t g_largest = 0;  // the tests of this program run on one thread

void* watched(std::size_t bytes) {
  g_largest = bytes > g_largest ? bytes : g_largest;
  if (void* memory = std::malloc(bytes)) {
    return memory;
  }
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
  return watched(bytes);
}
void* operator new[](std::size_t bytes) {
  return watched(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}

namespace llorch::testing {

std::size_t largest_allocation() {
  return g_largest;
}
void reset_largest_allocation() {
  g_largest = 0;
}

}  // namespace llorch::testing
