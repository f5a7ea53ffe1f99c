// Products of F16 and BF16 weights with many tokens: a block some times 64 rows and 128 tokens, both operands in shared
// memory. linear_floats.cu tells the order of the sums.
//
// On compute capability 9.0 three warpgroups have 64 rows each and multiply by warpgroup products. Elsewhere a block
// has 128 rows, a warp 64 rows and 64 tokens and the products of linear_floats.cu; both sum alike.
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear_floats.cuh"

namespace llorch::cuda {
namespace {

constexpr int kBlockXTiles = 16;                      // tiles of 8 tokens
constexpr int kPartVectors = kStep / 8 * kFloatRows;  // 16 bytes each: a step of 64 rows, or of 64 tokens
constexpr int kBVectors = 2 * kPartVectors;
/// A stage of a block of n_parts times 64 rows: A [n_parts, 8 of K, 64 rows], B [8 of K, 128 tokens].
template <int n_parts>
inline constexpr int kStageVectors = n_parts* kPartVectors + kBVectors;

/// Where the product of a block of n_parts times 64 rows lies. Parts outside of the matrix or of x take the last rows
/// that exist.
template <int n_parts>
struct BlockPlace {
  __device__ BlockPlace(const LinearArgs& p, int block)
      : first_x(static_cast<int>(blockIdx.x) * kBlockXTiles * kTokenTile),
        product(p, min(first_x, p.x.n - 1), static_cast<int>(blockIdx.z)),
        first_block(product.row / kFloatRows + block * n_parts),
        last_block((product.row + p.n_rows - 1) / kFloatRows),
        x_batch(static_cast<int>(blockIdx.z * p.x_step)),
        last_x_block((p.x.n - 1) / kXGroup) {}
  /// A part of A, and B, at step 0; a step further lies kPartVectors, kBVectors on.
  __device__ const uint4* a(const LinearArgs& p, int part) const {
    return static_cast<const uint4*>(p.w.codes) +
           std::int64_t{min(first_block + part, last_block)} * p.w.n_steps * kPartVectors;
  }
  __device__ const uint4* b(const LinearArgs& p) const {
    const int block = min(first_x / kXGroup, last_x_block);
    return static_cast<const uint4*>(p.packed.codes) +
           std::int64_t{x_batch / (kXGroup / kTokenTile) + block} * p.w.n_steps * kBVectors;
  }
  int first_x;
  Product product;
  int first_block;  // of kFloatRows rows
  int last_block;
  int x_batch;
  int last_x_block;
};

constexpr int kWarpThreads = 128;
constexpr int kWarpParts = 2;
constexpr int kSaved = kWarpParts * kFloatRows * kBlockXTiles * kTokenTile;
constexpr std::size_t kWarpBytes = std::size_t{2} * kStageVectors<kWarpParts> * 16 + kSaved * 4;

/// Without warpgroup products: two stages, sums of earlier segments in shared memory.
template <bool bf16>
__global__ __launch_bounds__(kWarpThreads) void prefill_warps(const __grid_constant__ Products all) {
  LL_DYNAMIC_SHARED(uint4, shared);
  wait_for_inputs();
  constexpr int kStage = kStageVectors<kWarpParts>;
  constexpr int kAVectors = kWarpParts * kPartVectors;
  float* saved = reinterpret_cast<float*>(shared + 2 * kStage) + threadIdx.x;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  int block = static_cast<int>(blockIdx.y);
  const LinearArgs& p = find_product(all, block);
  const BlockPlace<kWarpParts> place(p, block);
  if (!place.product.valid || place.first_block > place.last_block) {
    return;
  }
  const auto copy = [&](int step) {
    uint4* stage = shared + step % 2 * kStage;
    static_assert(kAVectors == kBVectors);
    for (int i = static_cast<int>(threadIdx.x); i < kAVectors; i += kWarpThreads) {
      copy_async(stage + i, place.a(p, i / kPartVectors) + step * kPartVectors + i % kPartVectors);
      copy_async(stage + kAVectors + i, place.b(p) + step * kBVectors + i);
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
    const uint4* stage = shared + step % 2 * kStage;
    const uint4* a_rows = stage + warp / 2 * kPartVectors + lane / kTileRows * kFloatRows + lane % kTileRows;
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

constexpr int kGroupParts = 3;  // a warpgroup each
constexpr int kGroupThreads = kGroupParts * 128;
constexpr int kStages = 5;
constexpr std::size_t kGroupBytes = std::size_t{kStages} * kStageVectors<kGroupParts> * 16;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
/// Copies of a block's stages: each thread the same places of every stage.
struct Copier {
  static constexpr int kAVectors = kGroupParts * kPartVectors;
  static constexpr int kA = kAVectors / kGroupThreads;  // of a thread
  static_assert(kA * kGroupThreads == kAVectors);
  __device__ Copier(const LinearArgs& p, const BlockPlace<kGroupParts>& place) : b(place.b(p) + threadIdx.x) {
#pragma unroll
    for (int i = 0; i < kA; ++i) {
      const int at = i * kGroupThreads + static_cast<int>(threadIdx.x);
      a[i] = place.a(p, at / kPartVectors) + at % kPartVectors;
    }
  }
  __device__ void copy(uint4* stage, int step) const {
    uint4* to = stage + threadIdx.x;
#pragma unroll
    for (int i = 0; i < kA; ++i) {
      copy_async(to + i * kGroupThreads, a[i] + step * kPartVectors);
    }
#pragma unroll
    for (int i = 0; i < kBVectors; i += kGroupThreads) {
      if (i + kGroupThreads <= kBVectors || i + static_cast<int>(threadIdx.x) < kBVectors) {
        copy_async(to + kAVectors + i, b + step * kBVectors + i);
      }
    }
  }
  const uint4* a[kA];
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
  const BlockPlace<kGroupParts> place(p, block);
  if (!place.product.valid || place.first_block > place.last_block) {
    return;
  }
  constexpr int kStage = kStageVectors<kGroupParts>;
  const Copier copier(p, place);
  const int n_steps = p.w.n_steps;
  const int per_segment = segment_steps(n_steps);
  constexpr int kAhead = kStages - 2;  // a product may still read the stage before the last
  for (int step = 0; step < kAhead; ++step) {
    if (step < n_steps) {
      copier.copy(shared + step * kStage, step);
    }
    commit_copies();
  }
  const int group = static_cast<int>(threadIdx.x) / 128;
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
    const uint4* stage = shared + step % kStages * kStage;
#pragma unroll
    for (int k16 = 0; k16 < 4; ++k16) {
      multiply_group<bf16>(acc, describe(stage + group * kPartVectors + k16 * 2 * kFloatRows, kFloatRows * 16, 128),
                           describe(stage + Copier::kAVectors + k16 * 2 * kXGroup, kXGroup * 16, 128),
                           k16 == 0 ? add : 1);
    }
    commit_products();
    wait_products<1>();
    if (step + kAhead < n_steps) {
      copier.copy(shared + (step + kAhead) % kStages * kStage, step + kAhead);
    }
    commit_copies();
  }
  add_segment();
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) % 128 / kWarp;
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
  const bool groups = has_groups();
  const Products products = in_blocks(args, (groups ? kGroupParts : kWarpParts) * kFloatRows, kFloatRows);
  const dim3 grid(blocks_for(args.front().x.n, kBlockXTiles * kTokenTile),
                  static_cast<unsigned int>(products.end[products.n - 1]), batch);
  if (groups) {
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
