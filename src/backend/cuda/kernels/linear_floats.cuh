// What decode and prefill of float weights share.
#pragma once

#include "backend/cuda/kernels/linear.cuh"

namespace llorch::cuda {

inline constexpr int kSegments = 4;

__host__ __device__ inline int segment_steps(int n_steps) {
  return (n_steps + kSegments - 1) / kSegments;
}

/// x was multiplied by scales[i] (F16): takes it back.
template <bool bf16>
__device__ inline float unscaled(const LinearArgs& p, int i, int x_tile_offset, float sum) {
  if constexpr (bf16) {
    return sum;
  } else {
    return i < p.x.n ? sum / p.packed.scales[x_tile_offset * kTokenTile + i] : sum;
  }
}

/// For many tokens.
Status linear_prefill(std::span<const LinearArgs> products, unsigned int batch, Stream stream);

}  // namespace llorch::cuda
