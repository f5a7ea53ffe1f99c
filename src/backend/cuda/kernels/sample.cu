// Tokens of a row of logits, where the logits are: the highest, or one that is drawn (sample_row.cuh).
#include <cmath>

#include "backend/batch.h"
#include "backend/cuda/kernels/device.cuh"
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/sample_row.cuh"

namespace llorch::cuda {
namespace {

constexpr int kThreads = 1024;

struct Best {
  float logit = -INFINITY;
  int id = 0x7FFFFFFF;
  int is_bad = 0;  // there was a NaN
  __device__ void take(const Best& other) {
    if (other.logit > logit || (other.logit == logit && other.id < id)) {
      logit = other.logit;
      id = other.id;
    }
    is_bad |= other.is_bad;
  }
};

__device__ inline Best best_of_warp(Best best) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    Best other;
    other.logit = __shfl_xor_sync(kAllLanes, best.logit, step);
    other.id = __shfl_xor_sync(kAllLanes, best.id, step);
    other.is_bad = __shfl_xor_sync(kAllLanes, best.is_bad, step);
    best.take(other);
  }
  return best;
}

__global__ __launch_bounds__(kThreads) void take_highest(GreedyArgs p) {
  __shared__ Best warps[kThreads / kWarp];
  wait_for_inputs();
  const float* logits = p.logits + std::int64_t{blockIdx.x} * p.width;
  Best best;
  for (int i = static_cast<int>(threadIdx.x); i < p.width; i += kThreads) {
    const float logit = logits[i];
    best.is_bad |= isnan(logit) ? 1 : 0;
    if (logit > best.logit) {  // ids rise: the first of equals stays
      best.logit = logit;
      best.id = i;
    }
  }
  best = best_of_warp(best);
  if (threadIdx.x % kWarp == 0) {
    warps[threadIdx.x / kWarp] = best;
  }
  __syncthreads();
  if (threadIdx.x < kWarp) {
    best = best_of_warp(warps[threadIdx.x]);
    if (threadIdx.x == 0) {
      p.out[blockIdx.x] = best.is_bad != 0 || !isfinite(best.logit) ? kNotSampled : best.id;
    }
  }
}

constexpr int kDrawThreads = 512;  // 128 registers each: 8 tokens at once
static_assert(kDrawThreads <= kListed);

struct DeviceBlock {
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int n_threads() const { return kDrawThreads; }
  __device__ void sync() const { __syncthreads(); }
  __device__ std::uint32_t add(std::uint32_t* to, std::uint32_t n) const { return atomicAdd(to, n); }
};

__global__ __launch_bounds__(kDrawThreads) void draw_tokens(SampleArgs p) {
  __shared__ RowShared shared;
  wait_for_inputs();
  sample_row(DeviceBlock(), shared, p, static_cast<int>(blockIdx.x));
}

}  // namespace

Status greedy(const GreedyArgs& args, Stream stream) {
  const dim3 grid(static_cast<unsigned int>(args.n_rows));
  return launch("greedy", take_highest, {grid, kThreads}, stream, args);
}

Status sample(const SampleArgs& args, Stream stream) {
  const dim3 grid(static_cast<unsigned int>(args.n_rows));
  return launch("sample", draw_tokens, {grid, kDrawThreads}, stream, args);
}

}  // namespace llorch::cuda
