// Threads of a block on the emulated device: they meet as they should, and what is wrong is seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "backend/cuda/kernels/ptx.cuh"
#include "gpu/emulator/launch_for_test.h"

namespace llorch::emulator {
namespace {

constexpr unsigned int kAll = 0xFFFFFFFFU;

__global__ void shuffle_lanes(int* exchanged, double* down, unsigned int* votes) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  exchanged[threadIdx.x] = __shfl_xor_sync(kAll, static_cast<int>(threadIdx.x), 5);
  down[threadIdx.x] = __shfl_down_sync(kAll, lane * 0.5, 16);
  votes[threadIdx.x] = __ballot_sync(kAll, lane % 3 == 0);
}

TEST(EmulatedWarp, Shuffles) {
  std::array<int, 64> exchanged{};
  std::array<double, 64> down{};
  std::array<unsigned int, 64> votes{};
  ASSERT_EQ(run_block(shuffle_lanes, 64, 0, exchanged.data(), down.data(), votes.data()), cudaSuccess);
  for (int i = 0; i < 64; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(exchanged[at], i ^ 5);
    EXPECT_EQ(down[at], (i % 32 < 16 ? i % 32 + 16 : i % 32) * 0.5);
    EXPECT_EQ(votes[at], 0x49249249U);
  }
}

__global__ void sum_half_warps(int* out) {
  const unsigned int half = threadIdx.x < 16 ? 0xFFFFU : 0xFFFF0000U;
  int value = 1;
  for (int step = threadIdx.x < 16 ? 8 : 4; step > 0; step /= 2) {  // the halves meet differently often
    value += __shfl_xor_sync(half, value, step);
  }
  out[threadIdx.x] = value;
}

TEST(EmulatedWarp, PartsOfAWarpMeetOnTheirOwn) {
  std::array<int, 32> out{};
  ASSERT_EQ(run_block(sum_half_warps, 32, 0, out.data()), cudaSuccess);
  EXPECT_EQ(out[3], 16);
  EXPECT_EQ(out[20], 8);
}

template <bool waits>
__global__ void read_neighbour(int* out) {
  __shared__ int values[128];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  if constexpr (waits) {
    __syncthreads();
  }
  out[threadIdx.x] = values[(threadIdx.x + 32) % 128];
  __syncthreads();
  values[threadIdx.x] = -1;
}

/// The results that 20 seeds give.
std::set<std::vector<int>> results(void (*kernel)(int*)) {
  std::set<std::vector<int>> all;
  for (int i = 0; i < 20; ++i) {
    const Seed seed(i);
    std::vector<int> out(128);
    EXPECT_EQ(run_block(kernel, 128, 0, out.data()), cudaSuccess);
    all.insert(out);
  }
  return all;
}

TEST(EmulatedBlock, AMissingBarrierGivesOtherResultsWithOtherSeeds) {
  EXPECT_EQ(results(read_neighbour<true>).size(), 1U);
  EXPECT_GT(results(read_neighbour<false>).size(), 1U);
}

__global__ void not_all_reach() {
  if (threadIdx.x < 40) {
    __syncthreads();
  }
}

TEST(EmulatedBlock, ABarrierThatNotAllReachIsReported) {
  EXPECT_EXIT(run_block(not_all_reach, 64, 0), testing::ExitedWithCode(kStopped),
              "not_all_reach.*\n.*have ended: 40-63\n.*__syncthreads at machine_test.cpp:[0-9]+: 0-39");
}

__global__ void other_barriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST(EmulatedBlock, TwoBarriersAreNotOne) {
  EXPECT_EXIT(run_block(other_barriers, 64, 0), testing::ExitedWithCode(kStopped),
              "threads meet at different barriers");
}

__global__ void lane_ends() {
  if (threadIdx.x != 7) {
    __shfl_xor_sync(kAll, 1, 1);
  }
}

TEST(EmulatedWarp, ALaneThatEndedIsReported) {
  EXPECT_EXIT(run_block(lane_ends, 32, 0), testing::ExitedWithCode(kStopped),
              "have ended: 7\n.*a shuffle at machine_test.cpp:[0-9]+: 0-6 8-31");
}

__global__ void warp_and_block() {
  if (threadIdx.x < 16) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

TEST(EmulatedWarp, ABarrierOfTheBlockIsNoneOfTheWarp) {
  EXPECT_EXIT(run_block(warp_and_block, 32, 0), testing::ExitedWithCode(kStopped), "threads wait for ever");
}

__global__ void look_at_shared(float* out) {
  LL_DYNAMIC_SHARED(float, shared);
  out[threadIdx.x] = shared[threadIdx.x];
  __syncthreads();
  shared[threadIdx.x] = 1.0F;
}

TEST(EmulatedBlock, SharedMemoryBeginsAsNaN) {
  std::array<float, 64> out{};
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(run_block(look_at_shared, 64, 64 * sizeof(float), out.data()), cudaSuccess);
    for (const float value : out) {
      EXPECT_TRUE(std::isnan(value));
    }
  }
}

__global__ void write_behind() {
  LL_DYNAMIC_SHARED(float, shared);
  shared[threadIdx.x] = 0;
}

TEST(EmulatedBlock, WritingBehindSharedMemoryIsReported) {
  // AddressSanitizer sees it first.
  EXPECT_DEATH(run_block(write_behind, 64, 63 * sizeof(float)), "behind its 252 bytes|use-after-poison");
}

/// n: [blocks, threads]
__global__ void count_threads(unsigned int* n) {
  const unsigned int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  atomicAdd(n + block * blockDim.x + threadIdx.x, 1);
}

TEST(EmulatedBlock, EveryThreadOfEveryBlockRunsOnce) {
  std::vector<unsigned int> n(std::size_t{7} * 3 * 2 * 33);
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(7, 3, 2);
  config.blockDim = dim3(33);
  for (int i = 0; i < 3; ++i) {
    const Seed seed(i);
    std::fill(n.begin(), n.end(), 0U);
    ASSERT_EQ(cudaLaunchKernelEx(&config, count_threads, n.data()), cudaSuccess);
    EXPECT_EQ(n, std::vector<unsigned int>(n.size(), 1U));
  }
}

}  // namespace
}  // namespace llorch::emulator
