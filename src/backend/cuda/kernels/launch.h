// What every kernel's host side shares: the stream, and a launch whose failure is seen at once.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "backend/cuda/driver.h"
#include "base/result.h"

namespace llorch::cuda {

inline cudaStream_t native(Stream stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}

/// The error of the launch just made, if any.
inline Status launched(const char* kernel) {
  const cudaError_t code = cudaGetLastError();
  if (code == cudaSuccess) {
    return {};
  }
  return Error{ErrorCode::device,
               std::string("kernel ") + kernel + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ")"};
}

inline unsigned int blocks_for(std::int64_t n, int per_block) {
  return static_cast<unsigned int>((n + per_block - 1) / per_block);
}

}  // namespace llorch::cuda
