// Rotary embedding and the writing of k and v into the paged cache. Definition: ref/rope_store.cpp.
#include <cuda_fp16.h>

#include <cmath>

#include "backend/batch.h"
#include "backend/cuda/kernels/device.cuh"
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"

namespace llorch::cuda {
namespace {

constexpr int kThreads = 128;

/// Once a step for all layers that rotate alike.
__global__ void make_angles(AnglesArgs p) {
  wait_for_inputs();
  const int index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index >= p.n_tokens * p.n) {
    return;
  }
  double sine = 0;
  double cosine = 0;
  sincos(p.positions[index / p.n] * p.inverse[index % p.n], &sine, &cosine);
  p.cos_sin[2 * index] = __fmul_rn(static_cast<float>(cosine), p.magnitude);
  p.cos_sin[2 * index + 1] = __fmul_rn(static_cast<float>(sine), p.magnitude);
}

__device__ inline void put(const RopeStoreArgs& p, void* cache, std::int64_t at, float value) {
  if (p.kv_type == KvType::f16) {
    static_cast<__half*>(cache)[at] = __float2half_rn(value);
  } else {
    static_cast<float*>(cache)[at] = value;
  }
}

__device__ inline void rotate(const RopeStoreArgs& p, float* head, int i, const float* cos_sin) {
  float* a = head + p.offset + (p.kind == RopeKind::adjacent ? 2 * i : i);
  float* b = a + (p.kind == RopeKind::adjacent ? 1 : p.n);
  const float c = cos_sin[2 * i];
  const float s = cos_sin[2 * i + 1];
  const float rotated = __fsub_rn(__fmul_rn(*a, c), __fmul_rn(*b, s));
  *b = __fadd_rn(__fmul_rn(*a, s), __fmul_rn(*b, c));
  *a = rotated;
}

/// A block a token and head: the heads of q, then those of k with v.
__global__ __launch_bounds__(kThreads) void rope_and_store(RopeStoreArgs p) {
  wait_for_inputs();
  const auto head = static_cast<int>(blockIdx.x);
  const auto token = static_cast<int>(blockIdx.y);
  const float* cos_sin = p.cos_sin + std::int64_t{token} * p.n * 2;
  const bool is_q = head < p.n_heads;
  const int kv_head = head - p.n_heads;
  float* x = is_q ? p.q + (std::int64_t{token} * p.n_heads + head) * p.head_dim
                  : p.k + (std::int64_t{token} * p.n_kv_heads + kv_head) * p.head_dim;
  for (int i = static_cast<int>(threadIdx.x); i < p.n; i += kThreads) {
    rotate(p, x, i, cos_sin);
  }
  if (is_q || p.kv_slots[token] < 0) {
    return;
  }
  __syncthreads();
  const int slot = p.kv_slots[token];
  const std::int64_t at =
      ((std::int64_t{slot / kKvBlock} * p.n_kv_heads + kv_head) * kKvBlock + slot % kKvBlock) * p.head_dim;
  const float* v = p.v + (std::int64_t{token} * p.n_kv_heads + kv_head) * p.head_dim;
  for (int d = static_cast<int>(threadIdx.x); d < p.head_dim; d += kThreads) {
    put(p, p.k_cache, at + d, x[d]);
    if (p.v != p.k) {
      put(p, p.v_cache, at + d, v[d]);
    }
  }
}

}  // namespace

Status angles(const AnglesArgs& args, Stream stream) {
  const dim3 grid(blocks_for(std::int64_t{args.n_tokens} * args.n, kThreads));
  return launch("angles", make_angles, {grid, kThreads}, stream, args);
}

Status rope_store(const RopeStoreArgs& args, Stream stream) {
  const dim3 grid(static_cast<unsigned int>(args.n_heads + args.n_kv_heads), static_cast<unsigned int>(args.n_tokens));
  return launch("rope_store", rope_and_store, {grid, kThreads}, stream, args);
}

}  // namespace llorch::cuda
