// What every kernel's host side shares: a launch whose failure is seen at once, and which may begin before the kernel
// in front of it has ended (programmatic dependent launch): kernels wait with wait_for_inputs() of device.cuh before
// they read or write what others do.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>
#include <utility>

#include "backend/cuda/driver.h"
#include "base/result.h"

namespace llorch::cuda {

inline cudaStream_t native(Stream stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}

inline Status launched(const char* kernel, cudaError_t code) {
  if (code == cudaSuccess) {
    return {};
  }
  return Error{ErrorCode::device,
               std::string("kernel ") + kernel + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ")"};
}

/// 90 for compute capability 9.0: of the device in use.
inline int compute_capability() {
  static const int value = [] {
    int device = 0;
    int major = 0;
    int minor = 0;
    const bool known = cudaGetDevice(&device) == cudaSuccess &&
                       cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
                       cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess;
    return known ? major * 10 + minor : 0;
  }();
  return value;
}

struct LaunchShape {
  dim3 grid;
  int threads = 0;
  std::size_t shared_bytes = 0;
};

template <class... Parameters, class... Args>
Status launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape, Stream stream,
              const Args&... args) {
  constexpr int kHasDependentLaunch = 90;
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = dim3(static_cast<unsigned int>(shape.threads));
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = native(stream);
  config.attrs = &early;
  config.numAttrs = compute_capability() >= kHasDependentLaunch ? 1 : 0;
  return launched(name, cudaLaunchKernelEx(&config, kernel, Parameters(args)...));
}

/// Lets a kernel have more shared memory than the usual 48 KB.
template <class Kernel>
Status allow_shared(const char* name, Kernel kernel, std::size_t bytes) {
  return launched(name,
                  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
}

inline unsigned int blocks_for(std::int64_t n, int per_block) {
  return static_cast<unsigned int>((n + per_block - 1) / per_block);
}

}  // namespace llorch::cuda
