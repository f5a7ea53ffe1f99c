// What kernels share: warps and sums over a block; ptx.cuh has what C++ has no words for.
#pragma once

#include <cstdint>

#include "backend/cuda/kernels/ptx.cuh"

namespace llorch::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned int kAllLanes = 0xFFFFFFFFU;

/// The sum over all threads of the block, the same in each, by a tree of fixed shape.
template <int n_warps>
__device__ inline double block_sum(double value) {
  __shared__ double warps[n_warps];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, step);
  }
  if constexpr (n_warps == 1) {
    return value;
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    warps[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  double sum = 0;
  for (int i = 0; i < n_warps; ++i) {
    sum += warps[i];
  }
  return sum;
}

/// The largest value of all threads of the block, in each.
template <int n_warps>
__device__ inline float block_max(float value) {
  __shared__ float warps[n_warps];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, step));
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    warps[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  for (int i = 0; i < n_warps; ++i) {
    value = fmaxf(value, warps[i]);
  }
  return value;
}

}  // namespace llorch::cuda
