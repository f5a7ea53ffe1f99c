// The ops that treat each token's row alone: norm, gate, add. Definitions: ref/rows.cpp. Sums are in double like there,
// by a tree of fixed shape.
#include <cmath>

#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"

namespace llorch::cuda {
namespace {

constexpr int kWarp = 32;
constexpr unsigned int kAll = 0xFFFFFFFFU;

/// The sum over all threads of the block, the same in each.
template <int n_warps>
__device__ inline double block_sum(double value) {
  __shared__ double warps[n_warps];
  for (int step = 16; step > 0; step /= 2) {
    value += __shfl_xor_sync(kAll, value, step);
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

/// One group of one token a block.
template <int n_threads>
__global__ __launch_bounds__(n_threads) void norm_rows(NormArgs p) {
  constexpr int kWarps = n_threads / kWarp;
  const auto group = static_cast<int>(blockIdx.x) % p.groups;
  const auto token = static_cast<std::int64_t>(blockIdx.x) / p.groups;
  const float* in = p.in + token * p.row + group * p.n;
  float* out = p.out + token * p.row + group * p.n;
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
  for (int i = static_cast<int>(threadIdx.x); i < p.n; i += n_threads) {
    const float scaled = __fmul_rn(__fmul_rn(__fsub_rn(in[i], mean), scale), weight != nullptr ? weight[i] : 1.0F);
    out[i] = p.bias != nullptr ? __fadd_rn(scaled, p.bias[i]) : scaled;
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

constexpr int kThreads = 256;

__global__ __launch_bounds__(kThreads) void gate_values(GateArgs p) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= p.n) {
    return;
  }
  if (p.limit > 0) {
    const float g = p.gate[i] > p.limit ? p.limit : p.gate[i];  // NaN stays
    const float u = p.up[i] > p.limit ? p.limit : p.up[i] < -p.limit ? -p.limit : p.up[i];
    p.gate[i] = g / (1.0F + expf(-p.alpha * g)) * (u + 1.0F);
  } else {
    const float a = activated(p.act, p.gate[i]);
    p.gate[i] = p.gated ? a * p.up[i] : a;
  }
}

__global__ __launch_bounds__(kThreads) void add_values(AddArgs p) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < p.n) {
    p.out[i] = __fadd_rn(p.out[i], __fmul_rn(p.scale, p.in[i]));
  }
}

}  // namespace

Status norm(const NormArgs& args, Stream stream) {
  const auto blocks = static_cast<unsigned int>(std::int64_t{args.n_tokens} * args.groups);
  if (args.n <= 256) {
    norm_rows<kWarp><<<blocks, kWarp, 0, native(stream)>>>(args);
  } else if (args.n <= 2048) {
    norm_rows<256><<<blocks, 256, 0, native(stream)>>>(args);
  } else {
    norm_rows<1024><<<blocks, 1024, 0, native(stream)>>>(args);
  }
  return launched("norm");
}

Status gate(const GateArgs& args, Stream stream) {
  gate_values<<<blocks_for(args.n, kThreads), kThreads, 0, native(stream)>>>(args);
  return launched("gate");
}

Status add(const AddArgs& args, Stream stream) {
  add_values<<<blocks_for(args.n, kThreads), kThreads, 0, native(stream)>>>(args);
  return launched("add");
}

}  // namespace llorch::cuda
