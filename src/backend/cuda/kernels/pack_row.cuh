// One row of activations for the tensor cores, by the threads of a block: rounded and put where PackedX says.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdint>

#include "backend/cuda/kernels.h"
#include "backend/cuda/kernels/device.cuh"

namespace llorch::cuda {

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

/// Group g (32 values at `x`; nullptr: zeros) of row i by four lanes of a whole warp: the definition is
/// ref::quantise_row.
__device__ inline void pack_q8_group(const float* x, const PackedX& to, int i, int g, bool is_written) {
  constexpr float kTiny = 1e-30F;
  const int quarter = static_cast<int>(threadIdx.x) % 4;
  float values[2][4];
  float largest = 0;
  bool finite = true;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      values[half][e] = x == nullptr ? 0.0F : x[half * 16 + quarter * 4 + e];
      finite = finite && isfinite(values[half][e]);
      largest = fmaxf(largest, fabsf(values[half][e]));
    }
  }
  largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 1));
  largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 2));
  int all_finite = finite ? 1 : 0;
  all_finite &= __shfl_xor_sync(kAllLanes, all_finite, 1);
  all_finite &= __shfl_xor_sync(kAllLanes, all_finite, 2);
  const float inverse = all_finite != 0 && largest > kTiny ? __fdiv_rn(127.0F, largest) : 0.0F;
  int sum = 0;
  const std::uint32_t low = all_finite != 0 ? round_4(values[0], inverse, sum) : 0U;
  const std::uint32_t high = all_finite != 0 ? round_4(values[1], inverse, sum) : 0U;
  sum += __shfl_xor_sync(kAllLanes, sum, 1);
  sum += __shfl_xor_sync(kAllLanes, sum, 2);
  if (!is_written) {
    return;
  }
  constexpr int kGroupsOfUnit = kUnit / 32;
  const std::int64_t unit = std::int64_t{i / kTokenTile} * to.n_steps + g / kGroupsOfUnit;
  const int row = i % kTokenTile;
  const std::int64_t vector = (unit * 4 + g % kGroupsOfUnit / 2) * kWarp + row * 4 + quarter;
  static_cast<uint2*>(to.codes)[vector * 2 + g % 2] = make_uint2(low, high);
  if (quarter == 0) {
    const float scale = all_finite != 0 ? __fdiv_rn(largest, 127.0F) : NAN;
    const std::int64_t at = (unit * kGroupsOfUnit + g % kGroupsOfUnit) * kTokenTile + row;
    reinterpret_cast<float2*>(to.scales)[at] = make_float2(scale, __fmul_rn(scale, static_cast<float>(sum)));
  }
}

__device__ inline std::uint32_t round_2(XForm form, float a, float b) {
  if (form == XForm::bf16) {
    const __nv_bfloat162 two = __floats2bfloat162_rn(a, b);
    return *reinterpret_cast<const std::uint32_t*>(&two);
  }
  const __half2 two = __floats2half2_rn(a, b);
  return *reinterpret_cast<const std::uint32_t*>(&two);
}

/// Values [begin, end) of a row of `cols`, `x` being the value at `begin`: by n_threads threads, begin and n_threads
/// multiples of kUnit and kWarp. `x` == nullptr: zeros. Zeros follow the row's end up to that of its last step. F16:
/// the values are multiplied by `scale`.
__device__ inline void pack_values(const float* x, int begin, int end, int cols, const PackedX& to, int i,
                                   int n_threads, float scale = 1.0F) {
  const auto thread = static_cast<int>(threadIdx.x);
  if (to.form == XForm::q8) {
    const int stop = (end < cols ? end : to.n_steps * kUnit) / 32;
    // Groups past the end are computed and not written: shuffles need whole warps.
    for (int first = begin / 32; first < stop; first += n_threads / 4) {
      const int g = first + thread / 4;
      pack_q8_group(x != nullptr && g * 32 < end ? x + g * 32 - begin : nullptr, to, i, g, g < stop);
    }
    return;
  }
  const int stop = (end < cols ? end : to.n_steps * kStep) / 8;
  const std::int64_t block = std::int64_t{i / kXGroup} * to.n_steps * (kStep / 8);
  for (int k8 = begin / 8 + thread; k8 < stop; k8 += n_threads) {
    std::uint32_t words[4];
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const int k = k8 * 8 + w * 2;
      const float a = x != nullptr && k < end ? x[k - begin] * scale : 0.0F;
      const float b = x != nullptr && k + 1 < end ? x[k + 1 - begin] * scale : 0.0F;
      words[w] = round_2(to.form, a, b);
    }
    static_cast<uint4*>(to.codes)[(block + k8) * kXGroup + i % kXGroup] =
        make_uint4(words[0], words[1], words[2], words[3]);
  }
}

/// The power of two that brings a row's largest value to [2^13, 2^14), where f16 has room and precision.
__device__ inline float f16_scale(float largest) {
  const bool usual = largest > 1e-30F && largest < 1e30F;
  return usual ? exp2f(static_cast<float>(13 - ilogbf(largest))) : 1.0F;
}

}  // namespace llorch::cuda
