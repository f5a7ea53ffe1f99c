// Products of F16 and BF16 weights with many tokens: a block 128 rows and 128 tokens, both operands in shared memory.
// linear_floats.cu tells the order of the sums.
//
// On compute capability 9.0 two warpgroups have 64 rows each and multiply by warpgroup products. Elsewhere a warp has
// 64 rows and 64 tokens and the products of linear_floats.cu; both sum alike.
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear_floats.cuh"

namespace llorch::cuda {
namespace {

constexpr int kBlockTiles = 8;                        // tiles of 16 rows
constexpr int kBlockXTiles = 16;                      // tiles of 8 tokens
constexpr int kHalfVectors = kStep / 8 * kFloatRows;  // 16 bytes each: a step of 64 rows, or of 64 tokens
constexpr int kAVectors = 2 * kHalfVectors;
constexpr int kStageVectors = 2 * kAVectors;  // a stage: A [2, 8 of K, 64 rows], B [8 of K, 128 tokens]

/// Where a block's product lies. Parts of the block outside of the matrix or of x take the last rows that exist.
struct BlockPlace {
  __device__ BlockPlace(const LinearArgs& p, int block)
      : first_x(static_cast<int>(blockIdx.x) * kBlockXTiles * kTokenTile),
        product(p, min(first_x, p.x.n - 1), static_cast<int>(blockIdx.z)),
        first_block(product.row / kFloatRows + block * 2),
        last_block((product.row + p.n_rows - 1) / kFloatRows),
        x_batch(static_cast<int>(blockIdx.z * p.x_step)),
        last_x_block((p.x.n - 1) / kXGroup) {}
  /// At step 0 half `half` of A, of the rows, or of B, of K.
  __device__ const uint4* a(const LinearArgs& p, int half) const {
    return static_cast<const uint4*>(p.w.codes) +
           std::int64_t{min(first_block + half, last_block)} * p.w.n_steps * kHalfVectors;
  }
  __device__ const uint4* b(const LinearArgs& p, int half) const {
    const int block = min(first_x / kXGroup, last_x_block);
    return static_cast<const uint4*>(p.packed.codes) +
           std::int64_t{x_batch / (kXGroup / kTokenTile) + block} * p.w.n_steps * 2 * kHalfVectors +
           half * kHalfVectors;
  }
  int first_x;
  Product product;
  int first_block;  // of kFloatRows rows
  int last_block;
  int x_batch;
  int last_x_block;
};

constexpr int kWarpThreads = 128;
constexpr int kSaved = kBlockTiles * kTileRows * kBlockXTiles * kTokenTile;
constexpr std::size_t kWarpBytes = std::size_t{2} * kStageVectors * 16 + kSaved * 4;

/// Without warpgroup products: two stages, sums of earlier segments in shared memory.
template <bool bf16>
__global__ __launch_bounds__(kWarpThreads) void prefill_warps(const __grid_constant__ Products all) {
  LL_DYNAMIC_SHARED(uint4, shared);
  wait_for_inputs();
  float* saved = reinterpret_cast<float*>(shared + 2 * kStageVectors) + threadIdx.x;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  int block = static_cast<int>(blockIdx.y);
  const LinearArgs& p = find_product(all, block);
  const BlockPlace place(p, block);
  if (!place.product.valid || place.first_block > place.last_block) {
    return;
  }
  const auto copy = [&](int step) {
    uint4* stage = shared + step % 2 * kStageVectors;
    for (int i = static_cast<int>(threadIdx.x); i < kAVectors; i += kWarpThreads) {
      copy_async(stage + i, place.a(p, i / kHalfVectors) + step * kHalfVectors + i % kHalfVectors);
      copy_async(stage + kAVectors + i, place.b(p, i / kHalfVectors) + step * 2 * kHalfVectors + i % kHalfVectors);
    }
    commit_copies();
  };
  float acc[4][8][4] = {};
  copy(0);
  const int per_segment = segment_steps(p.w.n_steps);
  for (int step = 0; step < p.w.n_steps; ++step) {
    if (step + 1 < p.w.n_steps) {
      copy(step + 1);
    } else {
      commit_copies();
    }
    wait_copies<1>();
    __syncthreads();
    if (step > 0 && step % per_segment == 0) {
#pragma unroll
      for (int i = 0; i < 128; ++i) {
        float& value = acc[i / 32][i / 4 % 8][i % 4];
        float& sum = saved[i * kWarpThreads];
        sum = __fadd_rn(step == per_segment ? 0.0F : sum, value);
        value = 0;
      }
    }
    const uint4* stage = shared + step % 2 * kStageVectors;
    const uint4* a_rows = stage + warp / 2 * kHalfVectors + lane / kTileRows * kFloatRows + lane % kTileRows;
    const uint4* x_rows =
        stage + kAVectors + warp % 2 * (kXGroup / 2) + lane / kTokenTile * kXGroup + lane % kTokenTile;
#pragma unroll
    for (int k32 = 0; k32 < 2; ++k32) {
      std::uint32_t x[8][4];
#pragma unroll
      for (int t = 0; t < 8; ++t) {
        load_matrices(x[t], x_rows + k32 * 4 * kXGroup + t * kTokenTile);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          std::uint32_t a[4];
          load_matrices(a, a_rows + (k32 * 2 + half) * 2 * kFloatRows + r * kTileRows);
#pragma unroll
          for (int t = 0; t < 8; ++t) {
            mma_float<bf16>(acc[r][t], a, x[t][half * 2], x[t][half * 2 + 1]);
          }
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 128; ++i) {
    const int r = i / 32;
    const int t = i / 4 % 8;
    const float value = acc[r][t][i % 4];
    const float sum = __fadd_rn(per_segment < p.w.n_steps ? saved[i * kWarpThreads] : 0.0F, value);
    const int column = place.first_x + (warp % 2 * 8 + t) * kTokenTile + lane % 4 * 2 + i % 2;
    const int row = (place.first_block + warp / 2) * kFloatRows + r * kTileRows + lane / 4 + i % 4 / 2 * 8;
    store_output(p, place.product, column, row, unscaled<bf16>(p, column, place.x_batch, sum));
  }
}

constexpr int kGroupThreads = 256;  // two warpgroups
constexpr int kStages = 4;
constexpr std::size_t kGroupBytes = std::size_t{kStages} * kStageVectors * 16;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
/// Copies of a block's stages: each thread the same places of every stage.
struct Copier {
  __device__ Copier(const LinearArgs& p, const BlockPlace& place)
      : a0(place.a(p, 0) + threadIdx.x), a1(place.a(p, 1) + threadIdx.x), b(place.b(p, 0) + threadIdx.x) {}
  __device__ void copy(uint4* stage, int step) const {
    uint4* to = stage + threadIdx.x;
#pragma unroll
    for (int i = 0; i < kHalfVectors; i += kGroupThreads) {
      copy_async(to + i, a0 + step * kHalfVectors + i);
      copy_async(to + kHalfVectors + i, a1 + step * kHalfVectors + i);
    }
#pragma unroll
    for (int i = 0; i < kAVectors; i += kGroupThreads) {
      copy_async(to + kAVectors + i, b + step * kAVectors + i);
    }
  }
  const uint4* a0;
  const uint4* a1;
  const uint4* b;
};
#endif

template <bool bf16>
__global__ __launch_bounds__(kGroupThreads, 1) void prefill_groups(const __grid_constant__ Products all) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  LL_DYNAMIC_SHARED(__align__(128) uint4, shared);
  wait_for_inputs();
  int block = static_cast<int>(blockIdx.y);
  const LinearArgs& p = find_product(all, block);
  const BlockPlace place(p, block);
  if (!place.product.valid || place.first_block > place.last_block) {
    return;
  }
  const Copier copier(p, place);
  const int n_steps = p.w.n_steps;
  const int per_segment = segment_steps(n_steps);
  constexpr int kAhead = kStages - 2;  // a product may still read the stage before the last
  for (int step = 0; step < kAhead; ++step) {
    if (step < n_steps) {
      copier.copy(shared + step * kStageVectors, step);
    }
    commit_copies();
  }
  const int group = static_cast<int>(threadIdx.x) / (kGroupThreads / 2);
  float acc[16][4] = {};
  float total[16][4] = {};
  const auto add_segment = [&] {
    wait_products<0>();
    fence_registers(acc);
#pragma unroll
    for (int i = 0; i < 64; ++i) {
      total[i / 4][i % 4] = __fadd_rn(total[i / 4][i % 4], acc[i / 4][i % 4]);
    }
  };
  for (int step = 0; step < n_steps; ++step) {
    wait_copies<kAhead - 1>();
    show_copies_to_products();
    __syncthreads();
    const int add = step % per_segment;  // 0: the sum begins anew
    if (add == 0 && step > 0) {
      add_segment();
    }
    fence_registers(acc);
    begin_products();
    const uint4* stage = shared + step % kStages * kStageVectors;
#pragma unroll
    for (int k16 = 0; k16 < 4; ++k16) {
      multiply_group<bf16>(acc, describe(stage + group * kHalfVectors + k16 * 2 * kFloatRows, kFloatRows * 16, 128),
                           describe(stage + kAVectors + k16 * 2 * kXGroup, kXGroup * 16, 128), k16 == 0 ? add : 1);
    }
    commit_products();
    wait_products<1>();
    if (step + kAhead < n_steps) {
      copier.copy(shared + (step + kAhead) % kStages * kStageVectors, step + kAhead);
    }
    commit_copies();
  }
  add_segment();
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) % (kGroupThreads / 2) / kWarp;
#pragma unroll
  for (int i = 0; i < 64; ++i) {
    const int column = place.first_x + i / 4 * kTokenTile + lane % 4 * 2 + i % 2;
    const int row = (place.first_block + group) * kFloatRows + warp * kTileRows + lane / 4 + i % 4 / 2 * 8;
    store_output(p, place.product, column, row, unscaled<bf16>(p, column, place.x_batch, total[i / 4][i % 4]));
  }
#endif
}

/// True when this device has warpgroup products and this program was built with them.
bool has_groups() {
#if defined(LLORCH_CUDA_SM90A)
  return compute_capability() == 90;
#else
  return false;
#endif
}

template <bool bf16>
Status prefill_of(std::span<const LinearArgs> args, unsigned int batch, Stream stream) {
  const Products products = in_blocks(args, kBlockTiles * kTileRows, kFloatRows);
  const dim3 grid(blocks_for(args.front().x.n, kBlockXTiles * kTokenTile),
                  static_cast<unsigned int>(products.end[products.n - 1]), batch);
  if (has_groups()) {
    LL_TRY(allow_shared("linear prefill", prefill_groups<bf16>, kGroupBytes));
    return launch("linear prefill", prefill_groups<bf16>, {grid, kGroupThreads, kGroupBytes}, stream, products);
  }
  LL_TRY(allow_shared("linear prefill", prefill_warps<bf16>, kWarpBytes));
  return launch("linear prefill", prefill_warps<bf16>, {grid, kWarpThreads, kWarpBytes}, stream, products);
}

}  // namespace

Status linear_prefill(std::span<const LinearArgs> products, unsigned int batch, Stream stream) {
  return products.front().w.type == DType::bf16 ? prefill_of<true>(products, batch, stream)
                                                : prefill_of<false>(products, batch, stream);
}

}  // namespace llorch::cuda
