// CUDA devices: opening one and proving that it computes. No CUDA header is seen outside this folder's .cu files.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace llorch::cuda {

struct CudaDeviceInfo {
  int index = 0;
  std::string name;              // "NVIDIA H100"
  int major = 0, minor = 0;      // compute capability
  std::int64_t total_bytes = 0;  // of device memory
  std::int64_t free_bytes = 0;
  int driver = 0, runtime = 0;  // 13000: CUDA 13.0
};

/// Number of devices. ErrorCode::device: no driver, one that is too old, or no device, in one sentence.
Result<int> device_count();

/// Makes device `index` current in this process and tells what it is. ErrorCode::device: as device_count(), or the
/// index is out of range, or the device refuses (in use exclusively, lost).
Result<CudaDeviceInfo> open_device(int index);

/// Runs a small kernel whose answer is known, on the device that was opened. ErrorCode::device: it failed, was not
/// built for this device, or gave a wrong answer; ErrorCode::out_of_memory.
Status verify_device(int index);

}  // namespace llorch::cuda
