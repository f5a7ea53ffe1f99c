#include "gpu/emulator/shared_memory.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "gpu/emulator/machine.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace llorch::emulator {
namespace {

constexpr std::size_t kBehind = 4096;   // bytes that are watched
constexpr std::uint32_t kFirst = 1024;  // address of the first byte; those before are the system's

alignas(1024) std::byte memory[kMostSharedBytes + kBehind];
std::size_t size = 0;

#if defined(__SANITIZE_ADDRESS__)
void forbid_behind() {
  __asan_poison_memory_region(memory + size, sizeof(memory) - size);
}
void allow_all() {
  __asan_unpoison_memory_region(memory, sizeof(memory));
}
#else
void forbid_behind() {}
void allow_all() {}
#endif

}  // namespace

void open_shared_memory(std::size_t bytes) {
  size = bytes;
  std::memset(memory + size, kPoison, kBehind);
  forbid_behind();
}

void fill_shared_memory() {
  std::memset(memory, kPoison, size);
}

void check_shared_memory() {
  allow_all();
  const bool is_whole =
      std::all_of(memory + size, memory + size + kBehind, [](std::byte b) { return b == std::byte{kPoison}; });
  if (!is_whole) {
    stop("the block wrote behind its " + std::to_string(size) + " bytes of dynamic shared memory");
  }
  forbid_behind();
}

void close_shared_memory() {
  allow_all();
  size = 0;
}

std::byte* shared_memory() {
  return memory;
}

std::uint32_t shared_offset(const void* at) {
  const auto* byte = static_cast<const std::byte*>(at);
  if (byte < memory || byte >= memory + size) {
    stop("an address that is not in dynamic shared memory");
  }
  return static_cast<std::uint32_t>(byte - memory) + kFirst;
}

std::byte* at_shared_offset(std::uint32_t offset, std::size_t bytes) {
  if (offset < kFirst || offset - kFirst + bytes > size) {
    stop("bytes " + std::to_string(offset) + " to " + std::to_string(offset + bytes) +
         " of shared memory are not the block's");
  }
  return memory + (offset - kFirst);
}

}  // namespace llorch::emulator
