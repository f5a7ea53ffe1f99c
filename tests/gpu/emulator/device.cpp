// The emulated device's properties and the runtime's errors.
#include <cstdlib>
#include <cstring>

#include "gpu/emulator/runtime.h"
#include "gpu/emulator/shared_memory.h"

namespace {

thread_local cudaError_t last_error = cudaSuccess;

constexpr int kCuda = 13000;  // as 13.0

struct ErrorText {
  cudaError_t code;
  const char* name;
  const char* text;
};
constexpr ErrorText kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
};

const ErrorText& text_of(cudaError_t code) {
  for (const ErrorText& error : kErrors) {
    if (error.code == code) {
      return error;
    }
  }
  return kErrors[1];
}

/// 90 for compute capability 9.0.
int capability() {
  const char* text = std::getenv("LLORCH_EMULATOR_CAPABILITY");
  return text == nullptr ? 90 : std::atoi(text);
}

cudaError_t check_device(int device) {
  return device == 0 ? cudaSuccess : llorch::emulator::failed(cudaErrorInvalidDevice);
}

}  // namespace

namespace llorch::emulator {

cudaError_t failed(cudaError_t code) {
  last_error = code;
  return code;
}

}  // namespace llorch::emulator

const char* cudaGetErrorName(cudaError_t code) {
  return text_of(code).name;
}
const char* cudaGetErrorString(cudaError_t code) {
  return text_of(code).text;
}
cudaError_t cudaGetLastError() {
  const cudaError_t code = last_error;
  last_error = cudaSuccess;
  return code;
}

cudaError_t cudaGetDeviceCount(int* n) {
  *n = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return check_device(device);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::strcpy(properties->name, "emulated device");
  properties->major = capability() / 10;
  properties->minor = capability() % 10;
  properties->sharedMemPerBlockOptin = llorch::emulator::kMostSharedBytes;
  return check_device(device);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 3;  // so few that blocks go from tile to tile in small matrices too
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = capability() / 10;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = capability() % 10;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(llorch::emulator::kMostSharedBytes) + 1024;
      break;
    default:
      return llorch::emulator::failed(cudaErrorInvalidValue);
  }
  return check_device(device);
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = kCuda;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kCuda;
  return cudaSuccess;
}
