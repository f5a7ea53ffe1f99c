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

/// An attribute of the device in use; 0 where it cannot be told.
inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0;
  int value = 0;
  const bool known =
      cudaGetDevice(&device) == cudaSuccess && cudaDeviceGetAttribute(&value, attribute, device) == cudaSuccess;
  return known ? value : 0;
}

/// 90 for compute capability 9.0.
inline int compute_capability() {
  static const int value =
      device_attribute(cudaDevAttrComputeCapabilityMajor) * 10 + device_attribute(cudaDevAttrComputeCapabilityMinor);
  return value;
}

inline int multiprocessors() {
  static const int value = device_attribute(cudaDevAttrMultiProcessorCount);
  return value;
}

struct LaunchShape {
  dim3 grid;
  int threads = 0;
  std::size_t shared_bytes = 0;
  bool early = true;  // may begin before the kernel in front has ended
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
  config.numAttrs = shape.early && compute_capability() >= kHasDependentLaunch ? 1 : 0;
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
