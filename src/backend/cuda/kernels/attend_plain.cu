// Attention, a block a token and head: pieces of kKvBlock keys, first to last, in one chain (ref/attend.cpp begins anew
// every kKvSpan keys). For caches in F32 and for shapes that attend_tiles.cu does not take.
#include <cuda_fp16.h>

#include <cmath>

#include "backend/batch.h"
#include "backend/cuda/kernels/device.cuh"
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"

namespace llorch::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
constexpr int kMostDims = 8 * kThreads;  // head_dim

template <class T>
__device__ inline float to_float(T value) {
  if constexpr (sizeof(T) == 2) {
    return __half2float(value);
  } else {
    return value;
  }
}

template <class T>
__global__ __launch_bounds__(kThreads) void attend_one(AttendArgs p) {
  __shared__ float scores[kKvBlock];
  wait_for_inputs();
  const auto head = static_cast<int>(blockIdx.x);
  const auto token = static_cast<std::int64_t>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int position = p.positions[token];
  const int first = p.window > 0 ? max(0, position - p.window + 1) : 0;
  const int kv_head = head / (p.n_heads / p.n_kv_heads);
  const std::int32_t* blocks = p.block_table + std::int64_t{p.sequences[token]} * p.max_blocks;
  const float* q = p.q + (token * p.n_heads + head) * p.head_dim;
  float acc[kMostDims / kThreads] = {};
  float largest = p.sinks != nullptr ? p.sinks[head] : -INFINITY;
  float sum = p.sinks != nullptr ? 1.0F : 0.0F;
  for (int piece = first / kKvBlock; piece <= position / kKvBlock; ++piece) {
    const std::int64_t at = (std::int64_t{blocks[piece]} * p.n_kv_heads + kv_head) * kKvBlock * p.head_dim;
    const T* k = static_cast<const T*>(p.k_cache) + at;
    const T* v = static_cast<const T*>(p.v_cache) + at;
    const int begin = max(first - piece * kKvBlock, 0);
    const int end = min(position - piece * kKvBlock + 1, kKvBlock);
    for (int j = begin + warp; j < end; j += kWarps) {
      float dot = 0;
      for (int d = lane; d < p.head_dim; d += kWarp) {
        dot = __fmaf_rn(q[d], to_float(k[std::int64_t{j} * p.head_dim + d]), dot);
      }
      for (int step = kWarp / 2; step > 0; step /= 2) {
        dot += __shfl_xor_sync(0xFFFFFFFFU, dot, step);
      }
      if (lane == 0) {
        dot *= p.scale;
        scores[j] = p.softcap > 0 ? p.softcap * tanhf(dot / p.softcap) : dot;
      }
    }
    __syncthreads();
    float highest = largest;
    for (int j = begin; j < end; ++j) {
      highest = fmaxf(highest, scores[j]);
    }
    const float correction = expf(largest - highest);
    float piece_sum = 0;
    float weights[kKvBlock];
#pragma unroll
    for (int j = 0; j < kKvBlock; ++j) {
      weights[j] = j >= begin && j < end ? expf(scores[j] - highest) : 0.0F;
      piece_sum += weights[j];
    }
    sum = sum * correction + piece_sum;
    largest = highest;
#pragma unroll
    for (int i = 0; i < kMostDims / kThreads; ++i) {
      const int d = i * kThreads + static_cast<int>(threadIdx.x);
      if (d < p.head_dim) {
        acc[i] *= correction;
#pragma unroll
        for (int j = 0; j < kKvBlock; ++j) {
          if (j >= begin && j < end) {
            acc[i] = __fmaf_rn(weights[j], to_float(v[std::int64_t{j} * p.head_dim + d]), acc[i]);
          }
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kMostDims / kThreads; ++i) {
    const int d = i * kThreads + static_cast<int>(threadIdx.x);
    if (d < p.head_dim) {
      p.out[(token * p.n_heads + head) * p.head_dim + d] = acc[i] / sum;
    }
  }
}

}  // namespace

Status attend_plain(const AttendArgs& args, Stream stream) {
  if (args.head_dim > kMostDims) {
    return Error{ErrorCode::device, "attention with heads of " + std::to_string(args.head_dim) + " channels"};
  }
  const dim3 grid(static_cast<unsigned int>(args.n_heads), static_cast<unsigned int>(args.n_tokens));
  const auto kernel = args.kv_type == KvType::f16 ? attend_one<__half> : attend_one<float>;
  return launch("attend_plain", kernel, {grid, kThreads}, stream, args);
}

}  // namespace llorch::cuda
