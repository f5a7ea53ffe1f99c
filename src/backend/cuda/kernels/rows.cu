// The ops that treat each token's row alone: norm, gate, add. Definitions: ref/rows.cpp. Sums are in double like there,
// or in float where a thread keeps its few values (norm_whole), by trees of fixed shape. norm and gate pack what they
// compute for the product that reads it.
#include <cmath>

#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/pack_row.cuh"

namespace llorch::cuda {
namespace {

/// Sums in float of a few values a thread, by a tree of fixed shape; the same in each thread.
template <int n_warps>
__device__ inline float block_sum_float(float value) {
  __shared__ float warps[n_warps];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, step);
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    warps[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  value = threadIdx.x % kWarp < n_warps ? warps[threadIdx.x % kWarp] : 0.0F;
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, step);
  }
  return value;
}

constexpr int kVectors = 2;  // of 4 channels, that a thread keeps

/// A whole row of a multiple of 4 channels, up to 4 kVectors a thread, in registers.
template <int n_threads>
__global__ __launch_bounds__(n_threads) void norm_whole(NormArgs p) {
  LL_DYNAMIC_SHARED(float, packed_row);
  wait_for_inputs();
  constexpr int kWarps = n_threads / kWarp;
  const auto token = static_cast<int>(blockIdx.x);
  const auto* in = reinterpret_cast<const float4*>(p.in + std::int64_t{token} * p.row);
  auto* out = reinterpret_cast<float4*>(p.out + std::int64_t{token} * p.row);
  const auto* weight = reinterpret_cast<const float4*>(p.weight);
  const auto* bias = reinterpret_cast<const float4*>(p.bias);
  const int n = p.n / 4;
  float x[kVectors][4] = {};
  float sum = 0;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    const int i = v * n_threads + static_cast<int>(threadIdx.x);
    if (i < n) {
      const float4 value = in[i];
      x[v][0] = value.x;
      x[v][1] = value.y;
      x[v][2] = value.z;
      x[v][3] = value.w;
      sum += (value.x + value.y) + (value.z + value.w);
    }
  }
  const float mean = p.kind == NormKind::layer ? block_sum_float<kWarps>(sum) / static_cast<float>(p.n) : 0.0F;
  float squares = 0;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      x[v][e] = v * n_threads + static_cast<int>(threadIdx.x) < n ? __fsub_rn(x[v][e], mean) : 0.0F;
      squares += x[v][e] * x[v][e];
    }
  }
  const float scale = 1.0F / sqrtf(block_sum_float<kWarps>(squares) / static_cast<float>(p.n) + p.eps);
  float largest = 0;
#pragma unroll
  for (int v = 0; v < kVectors; ++v) {
    const int i = v * n_threads + static_cast<int>(threadIdx.x);
    if (i < n) {
      const float4 w = weight != nullptr ? weight[i] : make_float4(1, 1, 1, 1);
      const float4 b = bias != nullptr ? bias[i] : make_float4(0, 0, 0, 0);
      const float4 y = make_float4(__fadd_rn(__fmul_rn(__fmul_rn(x[v][0], scale), w.x), b.x),
                                   __fadd_rn(__fmul_rn(__fmul_rn(x[v][1], scale), w.y), b.y),
                                   __fadd_rn(__fmul_rn(__fmul_rn(x[v][2], scale), w.z), b.z),
                                   __fadd_rn(__fmul_rn(__fmul_rn(x[v][3], scale), w.w), b.w));
      out[i] = y;
      if (p.packed.form != XForm::f32) {
        reinterpret_cast<float4*>(packed_row)[i] = y;
        largest = fmaxf(largest, fmaxf(fmaxf(fabsf(y.x), fabsf(y.y)), fmaxf(fabsf(y.z), fabsf(y.w))));
      }
    }
  }
  if (p.packed.form != XForm::f32) {
    float x_scale = 1.0F;
    if (p.packed.form == XForm::f16) {
      x_scale = f16_scale(block_max<kWarps>(largest));
      if (threadIdx.x == 0) {
        p.packed.scales[token] = x_scale;
      }
    }
    __syncthreads();
    pack_values(packed_row, 0, p.n, p.n, p.packed, token, n_threads, x_scale);
  }
}

/// One group of one token a block. With p.packed the row is kept in shared memory to be packed.
template <int n_threads>
__global__ __launch_bounds__(n_threads) void norm_rows(NormArgs p) {
  LL_DYNAMIC_SHARED(float, packed_row);
  wait_for_inputs();
  constexpr int kWarps = n_threads / kWarp;
  const auto group = static_cast<int>(blockIdx.x) % p.groups;
  const auto token = static_cast<int>(blockIdx.x) / p.groups;
  const float* in = p.in + std::int64_t{token} * p.row + group * p.n;
  float* out = p.out + std::int64_t{token} * p.row + group * p.n;
  const float* weight = p.weight == nullptr || !p.own_weights ? p.weight : p.weight + group * p.n;
  float mean = 0;
  if (p.kind == NormKind::layer) {
    double sum = 0;
    for (int i = static_cast<int>(threadIdx.x); i < p.n; i += n_threads) {
      sum += static_cast<double>(in[i]);
    }
    mean = static_cast<float>(block_sum<kWarps>(sum) / p.n);
  }
  double squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < p.n; i += n_threads) {
    const auto d = static_cast<double>(__fsub_rn(in[i], mean));
    squares += d * d;
  }
  const auto scale = static_cast<float>(1.0 / sqrt(block_sum<kWarps>(squares) / p.n + static_cast<double>(p.eps)));
  float largest = 0;
  for (int i = static_cast<int>(threadIdx.x); i < p.n; i += n_threads) {
    float value = __fmul_rn(__fmul_rn(__fsub_rn(in[i], mean), scale), weight != nullptr ? weight[i] : 1.0F);
    value = p.bias != nullptr ? __fadd_rn(value, p.bias[i]) : value;
    out[i] = value;
    if (p.packed.form != XForm::f32) {
      packed_row[i] = value;
      largest = fmaxf(largest, fabsf(value));
    }
  }
  if (p.packed.form != XForm::f32) {
    float x_scale = 1.0F;
    if (p.packed.form == XForm::f16) {
      x_scale = f16_scale(block_max<kWarps>(largest));
      if (threadIdx.x == 0) {
        p.packed.scales[token] = x_scale;
      }
    }
    __syncthreads();
    pack_values(packed_row, 0, p.n, p.n, p.packed, token, n_threads, x_scale);
  }
}

__device__ inline float activated(Act act, float x) {
  if (act == Act::silu) {
    return x / (1.0F + expf(-x));
  }
  if (act == Act::gelu_erf) {
    return 0.5F * x * (1.0F + erff(x * 0.70710678F));
  }
  constexpr float kSqrt2OverPi = 0.7978845608028654F;
  return 0.5F * x * (1.0F + tanhf(kSqrt2OverPi * (x + 0.044715F * x * x * x)));
}

__device__ inline float gated(const GateArgs& p, float gate, float up) {
  if (p.limit > 0) {
    const float g = gate > p.limit ? p.limit : gate;  // NaN stays
    const float u = up > p.limit ? p.limit : up < -p.limit ? -p.limit : up;
    return g / (1.0F + expf(-p.alpha * g)) * (u + 1.0F);
  }
  const float a = activated(p.act, gate);
  return p.gated ? a * up : a;
}

constexpr int kThreads = 256;

__global__ __launch_bounds__(kThreads) void gate_values(GateArgs p) {
  wait_for_inputs();
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < std::int64_t{p.n_rows} * p.width) {
    p.gate[i] = gated(p, p.gate[i], p.gated || p.limit > 0 ? p.up[i] : 0.0F);
  }
}

constexpr int kGateChunk = 1024;

/// A block a row and kGateChunk values, which are packed and stored nowhere else.
__global__ __launch_bounds__(kThreads) void gate_packed(GateArgs p) {
  __shared__ __align__(16) float values[kGateChunk];
  wait_for_inputs();
  const auto row = static_cast<int>(blockIdx.y);
  const int begin = static_cast<int>(blockIdx.x) * kGateChunk;
  const int end = min(begin + kGateChunk, p.width);
  const bool has_up = p.gated || p.limit > 0;
  const std::int64_t first = std::int64_t{row} * p.width + begin;
  const float* gate = p.gate + first;
  const float* up = p.up + first;
  if (p.width % 4 == 0) {
    for (int i = static_cast<int>(threadIdx.x) * 4; i < end - begin; i += kThreads * 4) {
      const float4 g = *reinterpret_cast<const float4*>(gate + i);
      const float4 u = has_up ? *reinterpret_cast<const float4*>(up + i) : float4{};
      *reinterpret_cast<float4*>(values + i) =
          make_float4(gated(p, g.x, u.x), gated(p, g.y, u.y), gated(p, g.z, u.z), gated(p, g.w, u.w));
    }
  } else {
    for (int i = static_cast<int>(threadIdx.x); i < end - begin; i += kThreads) {
      values[i] = gated(p, gate[i], has_up ? up[i] : 0.0F);
    }
  }
  __syncthreads();
  pack_values(values, begin, end, p.width, p.packed, row, kThreads);
}

__global__ __launch_bounds__(kThreads) void add_values(AddArgs p) {
  wait_for_inputs();
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < p.n) {
    p.out[i] = __fadd_rn(p.out[i], __fmul_rn(p.scale, p.in[i]));
  }
}

}  // namespace

Status norm(const NormArgs& args, Stream stream) {
  const auto blocks = static_cast<unsigned int>(std::int64_t{args.n_tokens} * args.groups);
  const std::size_t shared = args.packed.form == XForm::f32 ? 0 : static_cast<std::size_t>(args.n) * sizeof(float);
  const auto aligned = [](const float* at) { return reinterpret_cast<std::uintptr_t>(at) % 16 == 0; };
  if (args.groups == 1 && args.n % 4 == 0 && args.row % 4 == 0 && aligned(args.weight) && aligned(args.bias)) {
    constexpr int kEach = 4 * kVectors;
    if (args.n <= 128 * kEach) {
      return launch("norm_whole", norm_whole<128>, {dim3(blocks), 128, shared}, stream, args);
    }
    if (args.n <= 512 * kEach) {
      return launch("norm_whole", norm_whole<512>, {dim3(blocks), 512, shared}, stream, args);
    }
    if (args.n <= 1024 * kEach) {
      return launch("norm_whole", norm_whole<1024>, {dim3(blocks), 1024, shared}, stream, args);
    }
  }
  if (args.n <= 256) {
    return launch("norm", norm_rows<kWarp>, {dim3(blocks), kWarp, shared}, stream, args);
  }
  if (args.n <= 1024) {
    return launch("norm", norm_rows<256>, {dim3(blocks), 256, shared}, stream, args);
  }
  return launch("norm", norm_rows<1024>, {dim3(blocks), 1024, shared}, stream, args);
}

Status gate(const GateArgs& args, Stream stream) {
  if (args.packed.form != XForm::f32) {
    const dim3 grid(blocks_for(args.width, kGateChunk), static_cast<unsigned int>(args.n_rows));
    return launch("gate_packed", gate_packed, {grid, kThreads}, stream, args);
  }
  const dim3 grid(blocks_for(std::int64_t{args.n_rows} * args.width, kThreads));
  return launch("gate", gate_values, {grid, kThreads}, stream, args);
}

Status add(const AddArgs& args, Stream stream) {
  return launch("add", add_values, {dim3(blocks_for(args.n, kThreads)), kThreads}, stream, args);
}

}  // namespace llorch::cuda
