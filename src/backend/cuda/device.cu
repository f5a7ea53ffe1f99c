// Opening and verifying a CUDA device; device.h is the contract. Every call's result is checked and becomes a Status.
#include "backend/cuda/device.h"

#include <cuda_runtime.h>

#include <vector>

#include "backend/cuda/kernels/launch.h"

namespace llorch::cuda {
namespace {

Error error_of(cudaError_t code, const std::string& what) {
  const ErrorCode kind = code == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::device;
  return {kind, what + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ")"};
}

Status check(cudaError_t code, const std::string& what) {
  return code == cudaSuccess ? Status() : Status(error_of(code, what));
}

/// Device memory of n floats.
class DeviceFloats {
 public:
  Status take(std::size_t n) { return check(cudaMalloc(&data_, n * sizeof(float)), "taking device memory"); }
  DeviceFloats() = default;
  DeviceFloats(const DeviceFloats&) = delete;
  DeviceFloats& operator=(const DeviceFloats&) = delete;
  ~DeviceFloats() { cudaFree(data_); }
  float* data() const { return data_; }

 private:
  float* data_ = nullptr;
};

/// y[i] = a * x[i] + i
__global__ void scale_and_count(const float* x, float* y, float a, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    y[i] = a * x[i] + static_cast<float>(i);
  }
}

}  // namespace

Result<int> device_count() {
  int n = 0;
  const cudaError_t code = cudaGetDeviceCount(&n);
  int driver = 0;
  if (code == cudaErrorInsufficientDriver && cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    return Error{ErrorCode::device, "no NVIDIA driver is installed on this machine"};
  }
  if (code == cudaErrorNoDevice || (code == cudaSuccess && n == 0)) {
    return Error{ErrorCode::device, "no CUDA device is visible to this process"};
  }
  if (code != cudaSuccess) {
    return error_of(code, "asking for CUDA devices");
  }
  return n;
}

Result<CudaDeviceInfo> open_device(int index) {
  LL_ASSIGN(const int n, device_count());
  if (index < 0 || index >= n) {
    return Error{ErrorCode::device, "there is no CUDA device " + std::to_string(index) + ": this machine has " +
                                        std::to_string(n) + ", counted from 0"};
  }
  const std::string what = "opening CUDA device " + std::to_string(index);
  cudaDeviceProp properties{};
  LL_TRY(check(cudaGetDeviceProperties(&properties, index), what));
  LL_TRY(check(cudaSetDevice(index), what));
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  LL_TRY(check(cudaMemGetInfo(&free_bytes, &total_bytes), what));
  CudaDeviceInfo info;
  LL_TRY(check(cudaDriverGetVersion(&info.driver), what));
  LL_TRY(check(cudaRuntimeGetVersion(&info.runtime), what));
  info.index = index;
  info.name = properties.name;
  info.major = properties.major;
  info.minor = properties.minor;
  info.shared_bytes = static_cast<std::int64_t>(properties.sharedMemPerBlockOptin);
  info.total_bytes = static_cast<std::int64_t>(total_bytes);
  info.free_bytes = static_cast<std::int64_t>(free_bytes);
  return info;
}

Status verify_device(int index) {
  constexpr int kN = 1000;  // no multiple of the block: the last one is cut
  constexpr int kBlock = 128;
  constexpr float kFactor = 0.5F;
  const std::string what = "verifying CUDA device " + std::to_string(index);
  LL_TRY(check(cudaSetDevice(index), what));
  DeviceFloats x;
  DeviceFloats y;
  LL_TRY(x.take(kN));
  LL_TRY(y.take(kN));
  std::vector<float> host(kN);
  for (int i = 0; i < kN; ++i) {
    host[static_cast<std::size_t>(i)] = static_cast<float>(4 * i);
  }
  LL_TRY(check(cudaMemcpy(x.data(), host.data(), kN * sizeof(float), cudaMemcpyHostToDevice), what));
  if (const Status status = launch("scale_and_count", scale_and_count,
                                   {.grid = dim3(blocks_for(kN, kBlock)), .threads = kBlock, .early = false}, nullptr,
                                   x.data(), y.data(), kFactor, kN);
      !status.ok()) {
    return Error{status.error().code, what + ": " + status.error().message};
  }
  LL_TRY(check(cudaMemcpy(host.data(), y.data(), kN * sizeof(float), cudaMemcpyDeviceToHost), what));
  for (int i = 0; i < kN; ++i) {
    const auto expected = static_cast<float>(3 * i);
    if (host[static_cast<std::size_t>(i)] != expected) {
      return Error{ErrorCode::device, what + ": element " + std::to_string(i) + " is " +
                                          std::to_string(host[static_cast<std::size_t>(i)]) + " where " +
                                          std::to_string(expected) + " is right; the device cannot be trusted"};
    }
  }
  return {};
}

}  // namespace llorch::cuda
