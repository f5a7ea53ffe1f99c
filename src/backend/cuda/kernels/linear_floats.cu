// Products of F16 and BF16 weights on the tensor cores, x rounded to the same type, sums in float. K is cut into
// kSegments of whole steps; a segment is one chain of 16 weights after the other, and the segments are added first to
// last: the same in every kernel.
//
// decode: a warp a segment of one to four tiles of 16 rows, up to 64 tokens; each warp has copies of both operands on
// their way to its own ring in shared memory. linear_prefill.cu has the kernels for more tokens.
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear_floats.cuh"

namespace llorch::cuda {
namespace {

constexpr int kDecodeThreads = kSegments * kWarp;

/// A warp's ring of stages of 32 of K: A [tile, 4 times 8 of K, 16 rows], B [x tile, 4 times 8 of K, 8 rows] of 16
/// bytes.
template <int n_rows, int n_x_tiles>
struct Ring {
  static constexpr int kVectors = (n_rows * 2 + n_x_tiles) * kWarp;  // of a stage
  static constexpr int kStages = n_rows * 2 + n_x_tiles <= 4 ? 8 : n_rows * 2 + n_x_tiles <= 8 ? 6 : 4;
  static constexpr std::size_t kBytes = std::size_t{kSegments} * kStages * kVectors * 16;
};

template <bool bf16, int n_rows, int n_x_tiles>
__global__ __launch_bounds__(kDecodeThreads) void decode(const __grid_constant__ Products all) {
  using R = Ring<n_rows, n_x_tiles>;
  constexpr int kColumns = n_x_tiles * kTokenTile;
  constexpr int kRows = n_rows * kTileRows;
  LL_DYNAMIC_SHARED(uint4, shared);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int segment = static_cast<int>(threadIdx.x) / kWarp;
  const int first_x = static_cast<int>(blockIdx.y) * kColumns;
  int block = static_cast<int>(blockIdx.x);
  const LinearArgs& p = find_product(all, block);
  if (p.experts != nullptr) {
    wait_for_inputs();
  }
  const Product product(p, first_x, static_cast<int>(blockIdx.z));
  const int tile = product.row / kTileRows + block * n_rows;
  const int end_tile = (product.row + p.n_rows + kTileRows - 1) / kTileRows;
  if (!product.valid || tile >= end_tile) {
    return;
  }
  const int x_batch = static_cast<int>(blockIdx.z * p.x_step);
  const int n_k32 = p.w.n_steps * 2;
  const int per_segment = segment_steps(p.w.n_steps) * 2;
  const int begin = segment * per_segment;
  const int n = max(0, min(begin + per_segment, n_k32) - begin);  // of this warp
  uint4* ring = shared + segment * R::kStages * R::kVectors;
  const auto* a = static_cast<const uint4*>(p.w.codes) + begin * 4 * kFloatRows + lane / kTileRows * kFloatRows;
  const auto* b =
      static_cast<const uint4*>(p.packed.codes) + begin * 4 * kXGroup + lane / kTokenTile * kXGroup + lane % kTokenTile;
  const int x_tile = x_batch + first_x / kTokenTile;
  const auto copy_a = [&](int k) {
    uint4* to = ring + k % R::kStages * R::kVectors + lane;
#pragma unroll
    for (int r = 0; r < n_rows; ++r) {
      constexpr int kTiles = kFloatRows / kTileRows;
      const int t = min(tile + r, end_tile - 1);
      const uint4* from =
          a + (std::int64_t{t / kTiles} * n_k32 + k) * 4 * kFloatRows + t % kTiles * kTileRows + lane % kTileRows;
      copy_async(to + r * 2 * kWarp, from);
      copy_async(to + (r * 2 + 1) * kWarp, from + 2 * kFloatRows);
    }
  };
  const auto copy_b = [&](int k) {
    uint4* to = ring + k % R::kStages * R::kVectors + n_rows * 2 * kWarp + lane;
#pragma unroll
    for (int t = 0; t < n_x_tiles; ++t) {
      constexpr int kTiles = kXGroup / kTokenTile;
      const int at = x_tile + t;
      copy_async(to + t * kWarp, b + (std::int64_t{at / kTiles} * n_k32 + k) * 4 * kXGroup + at % kTiles * kTokenTile);
    }
  };
  for (int k = 0; k < min(R::kStages - 1, n); ++k) {
    copy_a(k);  // weights do not wait for the kernel in front
  }
  if (p.experts == nullptr) {
    wait_for_inputs();
  }
  for (int k = 0; k < R::kStages - 1; ++k) {
    if (k < n) {
      copy_b(k);
    }
    commit_copies();
  }
  float acc[n_rows][n_x_tiles][4] = {};
  for (int k = 0; k < n; ++k) {
    wait_copies<R::kStages - 2>();
    __syncwarp();
    if (k + R::kStages - 1 < n) {
      copy_a(k + R::kStages - 1);
      copy_b(k + R::kStages - 1);
    }
    commit_copies();
    const uint4* stage = ring + k % R::kStages * R::kVectors;
    std::uint32_t w[n_rows][2][4];
#pragma unroll
    for (int r = 0; r < n_rows; ++r) {
      load_matrices(w[r][0], stage + r * 2 * kWarp + lane);
      load_matrices(w[r][1], stage + (r * 2 + 1) * kWarp + lane);
    }
#pragma unroll
    for (int t = 0; t < n_x_tiles; ++t) {
      std::uint32_t x[4];
      load_matrices(x, stage + (n_rows * 2 + t) * kWarp + lane);
#pragma unroll
      for (int r = 0; r < n_rows; ++r) {
        mma_float<bf16>(acc[r][t], w[r][0], x[0], x[1]);
        mma_float<bf16>(acc[r][t], w[r][1], x[2], x[3]);
      }
    }
  }
  wait_copies<0>();
  __syncthreads();
  auto* sums = reinterpret_cast<float*>(shared);  // [segment, column, row]
#pragma unroll
  for (int r = 0; r < n_rows; ++r) {
#pragma unroll
    for (int t = 0; t < n_x_tiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = t * kTokenTile + lane % 4 * 2 + i % 2;
        sums[(segment * kColumns + column) * kRows + r * kTileRows + lane / 4 + i / 2 * 8] = acc[r][t][i];
      }
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * kRows; i += kDecodeThreads) {
    float sum = 0;
    for (int s = 0; s < kSegments && s * per_segment < n_k32; ++s) {
      sum = __fadd_rn(sum, sums[s * kColumns * kRows + i]);
    }
    const int column = first_x + i / kRows;
    store_output(p, product, column, tile * kTileRows + i % kRows, unscaled<bf16>(p, column, x_batch, sum));
  }
}

constexpr int kMostDecode = 64;  // rows of x

template <bool bf16, int n_rows, int n_x_tiles>
Status run_decode(std::span<const LinearArgs> args, unsigned int batch, Stream stream) {
  using R = Ring<n_rows, n_x_tiles>;
  LL_TRY(allow_shared("linear decode", decode<bf16, n_rows, n_x_tiles>, R::kBytes));
  const Products products = in_blocks(args, n_rows * kTileRows);
  const dim3 grid(static_cast<unsigned int>(products.end[products.n - 1]),
                  blocks_for(args.front().x.n, n_x_tiles * kTokenTile), batch);
  return launch("linear decode", decode<bf16, n_rows, n_x_tiles>, {grid, kDecodeThreads, R::kBytes}, stream, products);
}

template <bool bf16>
Status linear_of(std::span<const LinearArgs> args, Stream stream) {
  const LinearArgs& first = args.front();
  const auto batch = static_cast<unsigned int>(first.experts != nullptr ? 1 : first.n_batch);
  const int rows = first.experts != nullptr ? first.expert_rows : first.x.n;
  if (rows > kMostDecode) {
    return linear_prefill(args, batch, stream);
  }
  const int x_tiles = (rows + kTokenTile - 1) / kTokenTile;
  return x_tiles == 1   ? run_decode<bf16, 1, 1>(args, batch, stream)
         : x_tiles == 2 ? run_decode<bf16, 1, 2>(args, batch, stream)
         : x_tiles <= 4 ? run_decode<bf16, 2, 4>(args, batch, stream)
                        : run_decode<bf16, 4, 8>(args, batch, stream);
}

}  // namespace

Status linear_floats(std::span<const LinearArgs> products, Stream stream) {
  return products.front().w.type == DType::bf16 ? linear_of<true>(products, stream)
                                                : linear_of<false>(products, stream);
}

}  // namespace llorch::cuda
