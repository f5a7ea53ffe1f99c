// Products of F16 and BF16 weights with many tokens: a block 128 rows and 128 tokens, both operands through shared
// memory by asynchronous copies. linear_floats.cu tells the order of the sums.
//
// On compute capability 9.0 by warpgroup products: a warpgroup has 64 rows and all tokens, both operands in shared
// memory. Elsewhere a warp has 64 rows and 64 tokens and the products of linear_floats.cu.
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear_floats.cuh"

namespace llorch::cuda {
namespace {

constexpr int kBlockTiles = 8;                      // tiles of 16 rows
constexpr int kBlockXTiles = 16;                    // tiles of 8 tokens
constexpr int kAVectors = kBlockTiles * 4 * kWarp;  // of 64 of K, 16 bytes each
constexpr int kBVectors = kBlockXTiles * 2 * kWarp;
constexpr int kStageVectors = kAVectors + kBVectors;

/// Where in a stage the 16 bytes of a row of matrix m of 16 of K of a tile go: matrices of 8 rows side by side in the
/// order of the rows, then of K.
__device__ constexpr int a_vector(int tile, int k16, int m, int row) {
  return ((k16 * 2 + m / 2) * kBlockTiles * 2 + tile * 2 + m % 2) * 8 + row;
}

/// The operands of a block, 64 of K a stage: A as a_vector() says and B [x tile, 8, 8 rows] of 16 bytes. Each thread
/// copies the same places of every stage.
template <int n_threads>
struct Copier {
  static constexpr int kAEach = kAVectors / n_threads;
  static constexpr int kBEach = kBVectors / n_threads;

  /// n_tiles and n_x_tiles exist; in place of others the last is copied.
  __device__ Copier(const uint4* a_, const uint4* b_, int n_steps, int n_tiles, int n_x_tiles) : a(a_), b(b_) {
    constexpr int kTile = 4 * kWarp;
    constexpr int kXTile = 2 * kWarp;
#pragma unroll
    for (int i = 0; i < kAEach; ++i) {
      const int at = i * n_threads + static_cast<int>(threadIdx.x);
      a_from[i] = min(at / kTile, n_tiles - 1) * n_steps * kTile + at % kTile;
      a_to[i] = a_vector(at / kTile, at / kWarp % 4, at / 8 % 4, at % 8);
    }
#pragma unroll
    for (int i = 0; i < kBEach; ++i) {
      const int at = i * n_threads + static_cast<int>(threadIdx.x);
      b_from[i] = min(at / kXTile, n_x_tiles - 1) * n_steps * kXTile + at % kXTile;
    }
  }
  __device__ void copy(uint4* stage, int step) const {
    const uint4* a_step = a + step * 4 * kWarp;
    const uint4* b_step = b + step * 2 * kWarp;
#pragma unroll
    for (int i = 0; i < kAEach; ++i) {
      copy_async(stage + a_to[i], a_step + a_from[i]);
    }
#pragma unroll
    for (int i = 0; i < kBEach; ++i) {
      copy_async(stage + kAVectors + i * n_threads + threadIdx.x, b_step + b_from[i]);
    }
  }
  const uint4* a;
  const uint4* b;
  int a_from[kAEach];
  int a_to[kAEach];
  int b_from[kBEach];
};

/// Where a block's product lies.
struct BlockPlace {
  __device__ BlockPlace(const LinearArgs& p, int block)
      : first_x(static_cast<int>(blockIdx.x) * kBlockXTiles * kTokenTile),
        product(p, first_x, static_cast<int>(blockIdx.z)),
        first_tile(product.row / kTileRows + block * kBlockTiles),
        n_tiles((product.row + p.n_rows + kTileRows - 1) / kTileRows - first_tile),
        x_batch(static_cast<int>(blockIdx.z * p.x_step)),
        n_x_tiles((p.x.n - first_x + kTokenTile - 1) / kTokenTile) {}
  __device__ bool is_empty() const { return !product.valid || n_tiles <= 0 || n_x_tiles <= 0; }
  __device__ const uint4* a(const LinearArgs& p) const {
    return static_cast<const uint4*>(p.w.codes) + std::int64_t{first_tile} * p.w.n_steps * 4 * kWarp;
  }
  __device__ const uint4* b(const LinearArgs& p) const {
    return static_cast<const uint4*>(p.packed.codes) +
           std::int64_t{x_batch + first_x / kTokenTile} * p.w.n_steps * 2 * kWarp;
  }
  int first_x;
  Product product;
  int first_tile;
  int n_tiles;
  int x_batch;
  int n_x_tiles;
};

constexpr int kWarpThreads = 128;
constexpr int kSaved = kBlockTiles * kTileRows * kBlockXTiles * kTokenTile;
constexpr std::size_t kWarpBytes = std::size_t{2} * kStageVectors * 16 + kSaved * 4;

/// Without warpgroup products: two stages of 64 of K, sums of earlier segments in shared memory.
template <bool bf16>
__global__ __launch_bounds__(kWarpThreads) void prefill_warps(const __grid_constant__ Products all) {
  extern __shared__ uint4 shared[];
  wait_for_inputs();
  float* saved = reinterpret_cast<float*>(shared + 2 * kStageVectors) + threadIdx.x;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  int block = static_cast<int>(blockIdx.y);
  const LinearArgs& p = find_product(all, block);
  const BlockPlace place(p, block);
  if (place.is_empty()) {
    return;
  }
  const Copier<kWarpThreads> copier(place.a(p), place.b(p), p.w.n_steps, place.n_tiles, place.n_x_tiles);
  float acc[4][8][4] = {};
  copier.copy(shared, 0);
  commit_copies();
  const int per_segment = segment_steps(p.w.n_steps);
  for (int step = 0; step < p.w.n_steps; ++step) {
    if (step + 1 < p.w.n_steps) {
      copier.copy(shared + (step + 1) % 2 * kStageVectors, step + 1);
    }
    commit_copies();
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
#pragma unroll
    for (int k32 = 0; k32 < 2; ++k32) {
      std::uint32_t x[8][4];
#pragma unroll
      for (int t = 0; t < 8; ++t) {
        load_matrices(x[t], stage + kAVectors + ((warp % 2 * 8 + t) * 2 + k32) * kWarp + lane);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          std::uint32_t a[4];
          const int k16 = k32 * 2 + half;
#pragma unroll
          for (int m = 0; m < 4; ++m) {
            const auto* row_groups =
                reinterpret_cast<const std::uint32_t*>(stage + a_vector(warp / 2 * 4 + r, k16, m, 0));
            a[m] = row_groups[lane];
          }
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
    const int row = (place.first_tile + warp / 2 * 4 + r) * kTileRows + lane / 4 + i % 4 / 2 * 8;
    store_output(p, place.product, column, row, unscaled<bf16>(p, column, place.x_batch, sum));
  }
}

constexpr int kGroupThreads = 256;  // two warpgroups
constexpr int kGroupStages = 4;
constexpr std::size_t kGroupBytes = std::size_t{kGroupStages} * kStageVectors * 16;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
/// Shared memory as an operand: 8 rows of 16 bytes in a row are a matrix; the next of K and the next 8 rows lie the
/// given bytes on.
__device__ inline std::uint64_t describe(const uint4* at, int next_k, int next_rows) {
  return ((shared_address(at) & 0x3FFFFU) >> 4) | static_cast<std::uint64_t>(next_k / 16) << 16 |
         static_cast<std::uint64_t>(next_rows / 16) << 32;
}

/// d = a b, or d += a b: 64 x 16 times 16 x 128, by a warpgroup.
template <bool bf16>
__device__ inline void multiply_group(float (&d)[16][4], std::uint64_t a, std::uint64_t b, int add) {
  if constexpr (bf16) {
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "setp.ne.b32 p, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "
        "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %"
        "40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %5"
        "9, %60, %61, %62, %63}"
        ", %64, %65, p, 1, 1, 0, 0;\n"
        "}\n"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]),
          "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]), "+f"(d[3][0]), "+f"(d[3][1]),
          "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]),
          "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]), "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]),
          "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3]), "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]),
          "+f"(d[8][3]), "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]), "+f"(d[10][0]), "+f"(d[10][1]),
          "+f"(d[10][2]), "+f"(d[10][3]), "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]),
          "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]), "+f"(d[13][0]), "+f"(d[13][1]),
          "+f"(d[13][2]), "+f"(d[13][3]), "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]),
          "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3])
        : "l"(a), "l"(b), "r"(add));
  } else {
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "setp.ne.b32 p, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "
        "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %"
        "40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %5"
        "9, %60, %61, %62, %63}"
        ", %64, %65, p, 1, 1, 0, 0;\n"
        "}\n"
        : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]),
          "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]), "+f"(d[3][0]), "+f"(d[3][1]),
          "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]),
          "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]), "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]),
          "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3]), "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]),
          "+f"(d[8][3]), "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]), "+f"(d[10][0]), "+f"(d[10][1]),
          "+f"(d[10][2]), "+f"(d[10][3]), "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]),
          "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]), "+f"(d[13][0]), "+f"(d[13][1]),
          "+f"(d[13][2]), "+f"(d[13][3]), "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]),
          "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3])
        : "l"(a), "l"(b), "r"(add));
  }
}

/// Registers of products on their way must not be moved.
__device__ inline void fence_registers(float (&d)[16][4]) {
#pragma unroll
  for (int i = 0; i < 64; ++i) {
    asm volatile("" : "+f"(d[i / 4][i % 4])::"memory");
  }
}
#endif

template <bool bf16>
__global__ __launch_bounds__(kGroupThreads, 1) void prefill_groups(const __grid_constant__ Products all) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(128) uint4 shared[];
  wait_for_inputs();
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;  // its tile of rows in the block
  int block = static_cast<int>(blockIdx.y);
  const LinearArgs& p = find_product(all, block);
  const BlockPlace place(p, block);
  if (place.is_empty()) {
    return;
  }
  const Copier<kGroupThreads> copier(place.a(p), place.b(p), p.w.n_steps, place.n_tiles, place.n_x_tiles);
  const int n_steps = p.w.n_steps;
  const int per_segment = segment_steps(n_steps);
  constexpr int kAhead = kGroupStages - 2;  // a product may still read the stage before the last
  for (int step = 0; step < kAhead; ++step) {
    if (step < n_steps) {
      copier.copy(shared + step * kStageVectors, step);
    }
    commit_copies();
  }
  float acc[16][4] = {};
  float total[16][4] = {};
  const auto add_segment = [&] {
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    fence_registers(acc);
#pragma unroll
    for (int i = 0; i < 64; ++i) {
      total[i / 4][i % 4] = __fadd_rn(total[i / 4][i % 4], acc[i / 4][i % 4]);
    }
  };
  for (int step = 0; step < n_steps; ++step) {
    wait_copies<kAhead - 1>();
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    const int add = step % per_segment;  // 0: the sum begins anew
    if (add == 0 && step > 0) {
      add_segment();
    }
    fence_registers(acc);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    const uint4* stage = shared + step % kGroupStages * kStageVectors;
#pragma unroll
    for (int k16 = 0; k16 < 4; ++k16) {
      multiply_group<bf16>(acc, describe(stage + a_vector(warp / 4 * 4, k16, 0, 0), kBlockTiles * 2 * 128, 128),
                           describe(stage + kAVectors + k16 * 16, 128, 1024), k16 == 0 ? add : 1);
    }
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
    if (step + kAhead < n_steps) {
      copier.copy(shared + (step + kAhead) % kGroupStages * kStageVectors, step + kAhead);
    }
    commit_copies();
  }
  add_segment();
#pragma unroll
  for (int i = 0; i < 64; ++i) {
    const int column = place.first_x + i / 4 * kTokenTile + lane % 4 * 2 + i % 2;
    const int row = (place.first_tile + warp) * kTileRows + lane / 4 + i % 4 / 2 * 8;
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
  const Products products = in_blocks(args, kBlockTiles);
  const dim3 grid(blocks_for(args.front().x.n, kBlockXTiles * kTokenTile),
                  static_cast<unsigned int>(products.end[products.n - 1]), batch);
  if (has_groups()) {
    static const Status allowed = allow_shared("linear prefill", prefill_groups<bf16>, kGroupBytes);
    LL_TRY(allowed);
    return launch("linear prefill", prefill_groups<bf16>, {grid, kGroupThreads, kGroupBytes}, stream, products);
  }
  static const Status allowed = allow_shared("linear prefill", prefill_warps<bf16>, kWarpBytes);
  LL_TRY(allowed);
  return launch("linear prefill", prefill_warps<bf16>, {grid, kWarpThreads, kWarpBytes}, stream, products);
}

}  // namespace

Status linear_prefill(std::span<const LinearArgs> products, unsigned int batch, Stream stream) {
  return products.front().w.type == DType::bf16 ? prefill_of<true>(products, batch, stream)
                                                : prefill_of<false>(products, batch, stream);
}

}  // namespace llorch::cuda
