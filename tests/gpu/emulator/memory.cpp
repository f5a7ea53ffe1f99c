// Memory of the emulated device and the host's pinned memory, and copies between them.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "gpu/emulator/runtime.h"
#include "gpu/emulator/shared_memory.h"

namespace llorch::emulator {
namespace {

constexpr std::size_t kAlign = 256;

struct Allocation {
  std::size_t bytes;
  cudaMemoryType type;
};

std::mutex mutex;
std::map<const std::byte*, Allocation> allocations;  // by their first byte
std::size_t used_bytes = 0;                          // of the device

std::size_t device_bytes() {
  const char* text = std::getenv("LLORCH_EMULATOR_MEMORY");
  return text == nullptr ? std::size_t{2} << 30 : static_cast<std::size_t>(std::strtoull(text, nullptr, 10));
}

/// The allocation that holds a byte; end() when none does. Needs the mutex.
std::map<const std::byte*, Allocation>::iterator find(const void* memory) {
  const auto* byte = static_cast<const std::byte*>(memory);
  auto after = allocations.upper_bound(byte);
  if (after == allocations.begin()) {
    return allocations.end();
  }
  --after;
  return byte < after->first + after->second.bytes ? after : allocations.end();
}

cudaError_t allocate(void** memory, std::size_t bytes, cudaMemoryType type) {
  if (is_capturing()) {
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  const std::lock_guard lock(mutex);
  const bool on_device = type == cudaMemoryTypeDevice;
  if (on_device && (bytes > device_bytes() || used_bytes > device_bytes() - bytes)) {
    return failed(cudaErrorMemoryAllocation);
  }
  void* data = ::operator new (bytes, std::align_val_t{kAlign}, std::nothrow);
  if (data == nullptr) {
    return failed(cudaErrorMemoryAllocation);
  }
  if (on_device) {
    std::memset(data, kPoison, bytes);
  }
  allocations[static_cast<const std::byte*>(data)] = {bytes, type};
  used_bytes += on_device ? bytes : 0;
  *memory = data;
  return cudaSuccess;
}

cudaError_t release(void* memory, cudaMemoryType type) {
  if (memory == nullptr) {
    return cudaSuccess;
  }
  const std::lock_guard lock(mutex);
  const auto at = find(memory);
  if (at == allocations.end() || at->first != memory || at->second.type != type) {
    return failed(cudaErrorInvalidValue);
  }
  used_bytes -= type == cudaMemoryTypeDevice ? at->second.bytes : 0;
  allocations.erase(at);
  ::operator delete (memory, std::align_val_t{kAlign});
  return cudaSuccess;
}

}  // namespace

bool is_device_memory(const void* memory, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  const auto at = find(memory);
  return at != allocations.end() && at->second.type == cudaMemoryTypeDevice &&
         bytes <= at->second.bytes - static_cast<std::size_t>(static_cast<const std::byte*>(memory) - at->first);
}

}  // namespace llorch::emulator

using llorch::emulator::failed;
using llorch::emulator::is_device_memory;

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  const std::lock_guard lock(llorch::emulator::mutex);
  *total_bytes = llorch::emulator::device_bytes();
  *free_bytes = *total_bytes - llorch::emulator::used_bytes;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  return llorch::emulator::allocate(memory, bytes, cudaMemoryTypeDevice);
}
cudaError_t cudaFree(void* memory) {
  return llorch::emulator::release(memory, cudaMemoryTypeDevice);
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return llorch::emulator::allocate(memory, bytes, cudaMemoryTypeHost);
}
cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned int /*flags*/) {
  return llorch::emulator::allocate(memory, bytes, cudaMemoryTypeHost);
}
cudaError_t cudaFreeHost(void* memory) {
  return llorch::emulator::release(memory, cudaMemoryTypeHost);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* memory) {
  const std::lock_guard lock(llorch::emulator::mutex);
  const auto at = llorch::emulator::find(memory);
  *attributes = {at == llorch::emulator::allocations.end() ? cudaMemoryTypeUnregistered : at->second.type, 0};
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const bool to_device = kind != cudaMemcpyDeviceToHost;
  const bool from_device = kind != cudaMemcpyHostToDevice;
  if ((to_device && !is_device_memory(to, bytes)) || (from_device && !is_device_memory(from, bytes))) {
    return failed(cudaErrorInvalidValue);
  }
  llorch::emulator::put(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (llorch::emulator::is_capturing()) {
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  if (!is_device_memory(memory, bytes)) {
    return failed(cudaErrorInvalidValue);
  }
  llorch::emulator::put(stream, [=] { std::memset(memory, value, bytes); });
  return cudaSuccess;
}
