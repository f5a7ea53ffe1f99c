// CUDA devices: opening one, proving that it computes, and its driver and kernels. No CUDA header is seen outside this
// folder's .cu files and runtime_driver.cpp.
#pragma once

#include <memory>

#include "backend/cuda/driver.h"
#include "backend/cuda/kernels.h"
#include "base/result.h"

namespace llorch::cuda {

/// Number of devices. ErrorCode::device: no driver, one that is too old, or no device, in one sentence.
Result<int> device_count();

/// Makes device `index` current in this process and tells what it is. ErrorCode::device: as device_count(), or the
/// index is out of range, or the device refuses (in use exclusively, lost).
Result<CudaDeviceInfo> open_device(int index);

/// Runs a small kernel whose answer is known, on the device that was opened. ErrorCode::device: it failed, was not
/// built for this device, or gave a wrong answer; ErrorCode::out_of_memory.
Status verify_device(int index);

/// The CUDA runtime, for the device that was opened. Calls may come from any thread.
std::unique_ptr<Driver> runtime_driver(int index);

/// The kernels of kernels/*.cu.
std::unique_ptr<Kernels> device_kernels();

}  // namespace llorch::cuda
