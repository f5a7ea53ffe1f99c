// Activations for the tensor cores, where no other kernel packs what it computes. A block a row and kChunk values.
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/pack_row.cuh"

namespace llorch::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int kChunk = 2048;

__device__ inline const float* row_of(const Rows& rows, int i) {
  const int from = i >= rows.n ? -1 : rows.map == nullptr ? i : rows.map[i];
  return from < 0 ? nullptr : rows.x + from * rows.stride;
}

__global__ __launch_bounds__(kThreads) void pack_chunks(Rows rows, int cols, PackedX to) {
  wait_for_inputs();
  const int begin = static_cast<int>(blockIdx.y) * kChunk;
  const float* row = row_of(rows, static_cast<int>(blockIdx.x));
  pack_values(row == nullptr ? nullptr : row + begin, begin, min(begin + kChunk, cols), cols, to,
              static_cast<int>(blockIdx.x), kThreads);
}

/// F16: the row's largest value is needed first.
__global__ __launch_bounds__(kThreads) void pack_scaled(Rows rows, int cols, PackedX to) {
  wait_for_inputs();
  const int i = static_cast<int>(blockIdx.x);
  const float* row = row_of(rows, i);
  float largest = 0;
  for (int k = static_cast<int>(threadIdx.x); k < cols && row != nullptr; k += kThreads) {
    largest = fmaxf(largest, fabsf(row[k]));
  }
  const float scale = f16_scale(block_max<kWarps>(largest));
  if (threadIdx.x == 0) {
    to.scales[i] = scale;
  }
  pack_values(row, 0, cols, cols, to, i, kThreads, scale);
}

}  // namespace

Status pack_x(const Rows& rows, int cols, const PackedX& to, Stream stream) {
  const auto n = static_cast<unsigned int>(rows.n);
  if (to.form == XForm::f16) {
    return launch("pack_scaled", pack_scaled, {.grid = dim3(n), .threads = kThreads}, stream, rows, cols, to);
  }
  return launch("pack_chunks", pack_chunks, {.grid = dim3(n, blocks_for(cols, kChunk)), .threads = kThreads}, stream,
                rows, cols, to);
}

}  // namespace llorch::cuda
