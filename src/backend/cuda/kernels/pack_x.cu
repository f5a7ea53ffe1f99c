// Activations for the tensor cores: rounded, and in the order of the B operand (PackedX of kernels.h). Lane l of a tile
// has row l / 4 and of each 32 values of K the eight of layout.h.
#include <cmath>

#include <cuda_bf16.h>
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/units.cuh"

namespace llorch::cuda {
namespace {

constexpr unsigned int kAll = 0xFFFFFFFFU;

__device__ inline const float* row_of(const Rows& rows, int i) {
  const int from = i >= rows.n ? -1 : rows.map == nullptr ? i : rows.map[i];
  return from < 0 ? nullptr : rows.x + from * rows.stride;
}

__device__ inline float value_at(const float* row, int k, int cols) {
  return row != nullptr && k < cols ? row[k] : 0.0F;
}

/// Rounds 4 values to a word of 8-bit integers and adds them up.
__device__ inline std::uint32_t round_4(const float (&x)[4], float inverse, int& sum) {
  std::uint32_t word = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int q = __float2int_rn(__fmul_rn(x[i], inverse));
    sum += q;
    word |= (static_cast<std::uint32_t>(q) & 0xFFU) << (8 * i);
  }
  return word;
}

/// One group of 32 by four lanes: the definition is ref::quantise_row.
__device__ inline void quantise_group(const float* row, int k, int cols, int lane, std::uint32_t (&words)[2],
                                      float& scale, float& scaled_sum) {
  constexpr float kTiny = 1e-30F;
  float x[2][4];
  float largest = 0;
  bool finite = true;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      x[half][i] = value_at(row, k + half * 16 + lane % 4 * 4 + i, cols);
      finite = finite && isfinite(x[half][i]);
      largest = fmaxf(largest, fabsf(x[half][i]));
    }
  }
  largest = fmaxf(largest, __shfl_xor_sync(kAll, largest, 1));
  largest = fmaxf(largest, __shfl_xor_sync(kAll, largest, 2));
  int all_finite = finite ? 1 : 0;
  all_finite &= __shfl_xor_sync(kAll, all_finite, 1);
  all_finite &= __shfl_xor_sync(kAll, all_finite, 2);
  const float inverse = all_finite != 0 && largest > kTiny ? __fdiv_rn(127.0F, largest) : 0.0F;
  int sum = 0;
  words[0] = all_finite != 0 ? round_4(x[0], inverse, sum) : 0U;
  words[1] = all_finite != 0 ? round_4(x[1], inverse, sum) : 0U;
  sum += __shfl_xor_sync(kAll, sum, 1);
  sum += __shfl_xor_sync(kAll, sum, 2);
  scale = all_finite != 0 ? __fdiv_rn(largest, 127.0F) : NAN;
  scaled_sum = __fmul_rn(scale, static_cast<float>(sum));
}

constexpr int kQ8Threads = 4 * kWarp;  // a unit of a tile: a warp a pair of groups

__global__ __launch_bounds__(kQ8Threads) void pack_q8(Rows rows, int cols, PackedX to) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int pair = static_cast<int>(threadIdx.x) / kWarp;
  const int unit = static_cast<int>(blockIdx.x);
  const int tile = static_cast<int>(blockIdx.y);
  const float* row = row_of(rows, tile * kTokenTile + lane / 4);
  const std::int64_t index = std::int64_t{tile} * to.n_steps + unit;
  std::uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int g = pair * 2 + i;
    std::uint32_t two[2];
    float scale = 0;
    float sum = 0;
    quantise_group(row, unit * kUnit + g * 32, cols, lane, two, scale, sum);
    words[2 * i] = two[0];
    words[2 * i + 1] = two[1];
    if (lane % 4 == 0) {
      const std::int64_t at = (index * kTokenTile + lane / 4) * kGroups + g;
      to.scales[at] = scale;
      to.sums[at] = sum;
    }
  }
  static_cast<uint4*>(to.codes)[(index * 4 + pair) * kWarp + lane] = make_uint4(words[0], words[1], words[2], words[3]);
}

/// The power of two that brings a row's largest value to [2^13, 2^14), where f16 has room and precision.
__global__ __launch_bounds__(256) void scale_rows(Rows rows, int cols, float* scales) {
  __shared__ float warps[8];
  const float* row = row_of(rows, static_cast<int>(blockIdx.x));
  float largest = 0;
  for (int k = static_cast<int>(threadIdx.x); k < cols && row != nullptr; k += 256) {
    largest = fmaxf(largest, fabsf(row[k]));
  }
  for (int step = 16; step > 0; step /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(kAll, largest, step));
  }
  if (threadIdx.x % kWarp == 0) {
    warps[threadIdx.x / kWarp] = largest;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (const float other : warps) {
      largest = fmaxf(largest, other);
    }
    const bool usual = largest > 1e-30F && largest < 1e30F;
    scales[blockIdx.x] = usual ? exp2f(static_cast<float>(13 - ilogbf(largest))) : 1.0F;
  }
}

template <bool bf16>
__device__ inline std::uint32_t round_2(float a, float b) {
  if constexpr (bf16) {
    const __nv_bfloat162 two = __floats2bfloat162_rn(a, b);
    return *reinterpret_cast<const std::uint32_t*>(&two);
  } else {
    const __half2 two = __floats2half2_rn(a, b);
    return *reinterpret_cast<const std::uint32_t*>(&two);
  }
}

constexpr int kFloatThreads = 2 * kWarp;  // a step of a tile: a warp 32 values

template <bool bf16>
__global__ __launch_bounds__(kFloatThreads) void pack_floats(Rows rows, int cols, PackedX to) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int k32 = static_cast<int>(blockIdx.x) * 2 + static_cast<int>(threadIdx.x) / kWarp;
  const int tile = static_cast<int>(blockIdx.y);
  const int i = tile * kTokenTile + lane / 4;
  const float* row = row_of(rows, i);
  const float scale = bf16 || row == nullptr ? 1.0F : to.scales[i];
  std::uint32_t words[4];
#pragma unroll
  for (int w = 0; w < 4; ++w) {
    const int k = k32 * 32 + w * 8 + lane % 4 * 2;
    words[w] = round_2<bf16>(value_at(row, k, cols) * scale, value_at(row, k + 1, cols) * scale);
  }
  static_cast<uint4*>(to.codes)[(std::int64_t{tile} * to.n_steps * 2 + k32) * kWarp + lane] =
      make_uint4(words[0], words[1], words[2], words[3]);
}

}  // namespace

Status pack_x(const Rows& rows, int cols, const PackedX& to, Stream stream) {
  const auto s = native(stream);
  const dim3 grid(static_cast<unsigned int>(to.n_steps), blocks_for(rows.n, kTokenTile));
  if (to.form == XForm::q8) {
    pack_q8<<<grid, kQ8Threads, 0, s>>>(rows, cols, to);
  } else if (to.form == XForm::bf16) {
    pack_floats<true><<<grid, kFloatThreads, 0, s>>>(rows, cols, to);
  } else {
    scale_rows<<<static_cast<unsigned int>(rows.n), 256, 0, s>>>(rows, cols, to.scales);
    LL_TRY(launched("scale_rows"));
    pack_floats<false><<<grid, kFloatThreads, 0, s>>>(rows, cols, to);
  }
  return launched("pack_x");
}

}  // namespace llorch::cuda
