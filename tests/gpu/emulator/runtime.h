// What the parts of the emulated runtime share: the last error, and work on a stream.
#pragma once

#include <cuda_runtime.h>

#include <functional>

namespace llorch::emulator {

/// Keeps an error for cudaGetLastError(), and returns it.
cudaError_t failed(cudaError_t code);

/// Does the work at once, or records it while the stream is captured.
void put(cudaStream_t stream, std::function<void()> work);
/// Whether this host thread captures a stream: many calls are errors then.
bool is_capturing();

/// Whether all bytes lie in one allocation of the device.
bool is_device_memory(const void* memory, std::size_t bytes);

}  // namespace llorch::emulator
