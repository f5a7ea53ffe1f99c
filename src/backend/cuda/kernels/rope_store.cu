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

__device__ inline void rotate(const RopeStoreArgs& p, float* head, int i, const float2& cos_sin) {
  float* a = head + p.offset + (p.kind == RopeKind::adjacent ? 2 * i : i);
  float* b = a + (p.kind == RopeKind::adjacent ? 1 : p.n);
  const float rotated = __fsub_rn(__fmul_rn(*a, cos_sin.x), __fmul_rn(*b, cos_sin.y));
  *b = __fadd_rn(__fmul_rn(*a, cos_sin.y), __fmul_rn(*b, cos_sin.x));
  *a = rotated;
}

/// Heads [begin, end) of one token, side by side at `x`.
__device__ inline void rotate_heads(const RopeStoreArgs& p, float* x, int begin, int end, const float2* cos_sin) {
  for (int i = begin * p.n + static_cast<int>(threadIdx.x); i < end * p.n; i += kThreads) {
    rotate(p, x + i / p.n * p.head_dim, i % p.n, cos_sin[i % p.n]);
  }
}

/// Blocks of a token share its heads out.
__global__ __launch_bounds__(kThreads) void rope_and_store(RopeStoreArgs p) {
  wait_for_inputs();
  const auto token = static_cast<int>(blockIdx.x);
  const auto part = static_cast<int>(blockIdx.y);
  const auto n_parts = static_cast<int>(gridDim.y);
  const auto* cos_sin = reinterpret_cast<const float2*>(p.cos_sin) + std::int64_t{token} * p.n;
  const int begin = p.n_kv_heads * part / n_parts;
  const int end = p.n_kv_heads * (part + 1) / n_parts;
  float* k = p.k + std::int64_t{token} * p.n_kv_heads * p.head_dim;
  rotate_heads(p, p.q + std::int64_t{token} * p.n_heads * p.head_dim, p.n_heads * part / n_parts,
               p.n_heads * (part + 1) / n_parts, cos_sin);
  rotate_heads(p, k, begin, end, cos_sin);
  const int slot = p.kv_slots[token];
  if (slot < 0) {
    return;
  }
  __syncthreads();
  const float* v = p.v + std::int64_t{token} * p.n_kv_heads * p.head_dim;
  for (int i = begin * p.head_dim + static_cast<int>(threadIdx.x); i < end * p.head_dim; i += kThreads) {
    const std::int64_t row =
        (std::int64_t{slot / kKvBlock} * p.n_kv_heads + i / p.head_dim) * kKvBlock + slot % kKvBlock;
    put(p, p.k_cache, row * p.head_dim + i % p.head_dim, k[i]);
    if (p.v != p.k) {
      put(p, p.v_cache, row * p.head_dim + i % p.head_dim, v[i]);
    }
  }
}

}  // namespace

Status angles(const AnglesArgs& args, Stream stream) {
  const dim3 grid(blocks_for(std::int64_t{args.n_tokens} * args.n, kThreads));
  return launch("angles", make_angles, {grid, kThreads}, stream, args);
}

Status rope_store(const RopeStoreArgs& args, Stream stream) {
  constexpr int kFewTokens = 64;
  const dim3 grid(static_cast<unsigned int>(args.n_tokens),
                  static_cast<unsigned int>(args.n_tokens <= kFewTokens ? args.n_kv_heads : 1));
  return launch("rope_store", rope_and_store, {grid, kThreads}, stream, args);
}

}  // namespace llorch::cuda
