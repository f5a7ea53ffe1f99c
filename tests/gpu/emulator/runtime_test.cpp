// The emulated runtime: launches, memory and graphs, and the errors that a device would return.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "gpu/emulator/launch_for_test.h"
#include "gpu/emulator/shared_memory.h"

namespace llorch::emulator {
namespace {

__global__ void nothing() {}

__global__ void add(float* to, float value) {
  to[threadIdx.x] += value;
}

cudaError_t launch_shape(const dim3& grid, const dim3& block) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  return cudaLaunchKernelEx(&config, nothing);
}

TEST(EmulatedRuntime, RefusesShapesThatNoDeviceRuns) {
  EXPECT_EQ(launch_shape({1}, {1024}), cudaSuccess);
  EXPECT_EQ(launch_shape({1}, {1025}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape({0}, {32}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape({1}, {0}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape({1, 65536}, {1}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidConfiguration), "cudaErrorInvalidConfiguration");
}

TEST(EmulatedRuntime, SharedMemoryMustBeAllowed) {
  const auto most = static_cast<int>(kMostSharedBytes);
  EXPECT_EQ(run_block(nothing, 32, kUsualSharedBytes), cudaSuccess);
  EXPECT_EQ(run_block(nothing, 32, kUsualSharedBytes + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, most + 1),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, most), cudaSuccess);
  EXPECT_EQ(run_block(nothing, 32, kMostSharedBytes), cudaSuccess);
  EXPECT_EQ(run_block(nothing, 32, kMostSharedBytes + 1), cudaErrorInvalidValue);
}

TEST(EmulatedRuntime, MemoryEndsAndComesBack) {
  setenv("LLORCH_EMULATOR_MEMORY", "1000000", 1);
  float* first = nullptr;
  float* second = nullptr;
  ASSERT_EQ(cudaMalloc(&first, 600'000), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 600'000), cudaErrorMemoryAllocation);
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  ASSERT_EQ(cudaMemGetInfo(&free_bytes, &total_bytes), cudaSuccess);
  EXPECT_EQ(total_bytes, 1'000'000U);
  EXPECT_EQ(free_bytes, 400'000U);
  EXPECT_TRUE(std::isnan(first[0]));
  EXPECT_EQ(cudaFree(first), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 600'000), cudaSuccess);
  EXPECT_EQ(cudaFree(second), cudaSuccess);
  unsetenv("LLORCH_EMULATOR_MEMORY");
}

TEST(EmulatedRuntime, CopiesStayInsideOfAnAllocation) {
  std::array<float, 8> host{};
  float* device = nullptr;
  ASSERT_EQ(cudaMalloc(&device, 4 * sizeof(float)), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(device, host.data(), 16, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(device, host.data(), 20, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), device + 1, 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), host.data() + 4, 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  cudaPointerAttributes attributes{};
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, device + 1), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, host.data()), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  EXPECT_EQ(cudaFree(device), cudaSuccess);
}

TEST(EmulatedRuntime, AGraphIsRunAgainWithItsArguments) {
  float* device = nullptr;
  ASSERT_EQ(cudaMalloc(&device, sizeof(float)), cudaSuccess);
  float host = 10;
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(device, &host, sizeof(float), cudaMemcpyHostToDevice, stream), cudaSuccess);
  cudaLaunchConfig_t config{};
  config.stream = stream;
  float value = 1;
  ASSERT_EQ(cudaLaunchKernelEx(&config, add, device, value), cudaSuccess);
  value = 100;  // the launch has kept 1
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_TRUE(std::isnan(*device));  // nothing has run
  for (const float start : {10.0F, 20.0F}) {
    host = start;  // a copy reads its source when it runs
    ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
    EXPECT_EQ(*device, start + 1);
  }
  ASSERT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  ASSERT_EQ(cudaFree(device), cudaSuccess);
}

}  // namespace
}  // namespace llorch::emulator
