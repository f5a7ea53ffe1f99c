// What every kernel's host side shares: a launch whose failure is seen at once, and which may begin before the kernel
// in front of it has ended (programmatic dependent launch): kernels wait with wait_for_inputs() of ptx.cuh before
// they read or write what others do.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
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
  (void)cudaGetLastError();  // told here, and not again by the next launch
  return Error{ErrorCode::device,
               std::string("kernel ") + kernel + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ")"};
}

inline int current_device() {
  int device = 0;
  return cudaGetDevice(&device) == cudaSuccess ? device : 0;
}

/// An attribute of the device in use, asked for once; 0 where it cannot be told.
inline int device_attribute(cudaDeviceAttr attribute) {
  static std::mutex mutex;
  static std::map<std::pair<int, int>, int> known;
  const int device = current_device();
  const std::lock_guard lock(mutex);
  const auto [at, is_new] = known.try_emplace({device, static_cast<int>(attribute)}, 0);
  if (is_new && cudaDeviceGetAttribute(&at->second, attribute, device) != cudaSuccess) {
    at->second = 0;
  }
  return at->second;
}

/// 90 for compute capability 9.0.
inline int compute_capability() {
  return device_attribute(cudaDevAttrComputeCapabilityMajor) * 10 + device_attribute(cudaDevAttrComputeCapabilityMinor);
}

inline int multiprocessors() {
  return device_attribute(cudaDevAttrMultiProcessorCount);
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

/// Lets a kernel have more shared memory than the usual 48 KB, once for each device: not while a graph is captured,
/// since the first run of a shape never is.
template <class Kernel>
Status allow_shared(const char* name, Kernel kernel, std::size_t bytes) {
  static std::mutex mutex;
  static std::set<std::pair<const void*, int>> allowed;
  const std::pair key{reinterpret_cast<const void*>(kernel), current_device()};
  const std::lock_guard lock(mutex);
  if (allowed.contains(key)) {
    return {};
  }
  LL_TRY(launched(name,
                  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes))));
  allowed.insert(key);
  return {};
}

inline unsigned int blocks_for(std::int64_t n, int per_block) {
  return static_cast<unsigned int>((n + per_block - 1) / per_block);
}

}  // namespace llorch::cuda
