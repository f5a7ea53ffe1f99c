// Products of F16 and BF16 weights on the tensor cores, x rounded to the same type, sums in float. K is cut into two
// segments of whole steps; a segment is one chain of 16 weights after the other, and the second is added to the first:
// the same in both kernels.
//
// decode: a warp a segment of a tile of 16 rows, many loads in flight; a few tokens. prefill: a block 128 rows and 128
// tokens, a warp 64 and 64, both operands through shared memory by asynchronous copies, kStages ahead.
#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear.cuh"

namespace llorch::cuda {
namespace {

constexpr int kSegments = 2;
constexpr int kMostDecode = 64;  // rows of x

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

constexpr int kDecodeTiles = 2;  // of a block
constexpr int kAhead = 4;        // steps whose weights are on their way

template <bool bf16, int n_x_tiles>
__global__ __launch_bounds__(kDecodeTiles* kSegments* kWarp) void decode(LinearArgs p) {
  constexpr int kColumns = n_x_tiles * kTokenTile;
  __shared__ float sums[kDecodeTiles][kColumns][kTileRows];
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int segment = warp % kSegments;
  const int first_x = static_cast<int>(blockIdx.y) * kColumns;
  const Product product(p, first_x, static_cast<int>(blockIdx.z));
  if (!product.valid) {
    return;
  }
  const int tile = product.row / kTileRows + static_cast<int>(blockIdx.x) * kDecodeTiles + warp / kSegments;
  const bool inside = tile * kTileRows < product.row + p.n_rows;
  const int x_batch = static_cast<int>(blockIdx.z * p.x_step);
  const int x_tile = x_batch + first_x / kTokenTile;
  const int per_segment = segment_steps(p.w.n_steps);
  const int begin = segment * per_segment;
  const int end = inside ? min(begin + per_segment, p.w.n_steps) : begin;
  const auto* a = static_cast<const uint4*>(p.w.codes) + std::int64_t{tile} * p.w.n_steps * 4 * kWarp + lane;
  const auto* b =
      static_cast<const uint4*>(p.packed.codes) + std::int64_t{x_tile} * p.packed.n_steps * 2 * kWarp + lane;
  float acc[n_x_tiles][4] = {};
  uint4 w[kAhead][4];
#pragma unroll
  for (int s = 0; s < kAhead; ++s) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (begin + s < end) {
        w[s][i] = load_once(a + (std::int64_t{begin} + s) * 4 * kWarp + i * kWarp);
      }
    }
  }
  for (int first = begin; first < end; first += kAhead) {
#pragma unroll
    for (int s = 0; s < kAhead; ++s) {
      const int step = first + s;
      if (step < end) {
#pragma unroll
        for (int t = 0; t < n_x_tiles; ++t) {
          const uint4* x = b + (std::int64_t{t} * p.packed.n_steps + step) * 2 * kWarp;
          const uint4 x0 = __ldg(x);
          const uint4 x1 = __ldg(x + kWarp);
          mma_float<bf16>(acc[t], w[s][0], x0.x, x0.y);
          mma_float<bf16>(acc[t], w[s][1], x0.z, x0.w);
          mma_float<bf16>(acc[t], w[s][2], x1.x, x1.y);
          mma_float<bf16>(acc[t], w[s][3], x1.z, x1.w);
        }
        if (step + kAhead < end) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            w[s][i] = load_once(a + (std::int64_t{step} + kAhead) * 4 * kWarp + i * kWarp);
          }
        }
      }
    }
  }
  const int block_tile = warp / kSegments;
  if (segment == 1) {
#pragma unroll
    for (int t = 0; t < n_x_tiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sums[block_tile][t * kTokenTile + lane % 4 * 2 + i % 2][lane / 4 + i / 2 * 8] = acc[t][i];
      }
    }
  }
  __syncthreads();
  if (segment == 0 && inside) {
#pragma unroll
    for (int t = 0; t < n_x_tiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = t * kTokenTile + lane % 4 * 2 + i % 2;
        const int row = lane / 4 + i / 2 * 8;
        const float sum = per_segment < p.w.n_steps ? __fadd_rn(acc[t][i], sums[block_tile][column][row]) : acc[t][i];
        store_output(p, product, first_x + column, tile * kTileRows + row,
                     unscaled<bf16>(p, first_x + column, x_batch, sum));
      }
    }
  }
}

constexpr int kStages = 3;
constexpr int kBlockTiles = 8;    // tiles of 16 rows of a block
constexpr int kBlockXTiles = 16;  // tiles of 8 tokens of a block
constexpr int kPrefillThreads = 128;
constexpr int kStageVectors = (kBlockTiles * 2 + kBlockXTiles) * kWarp;  // 16 bytes each: 32 of K
constexpr int kSaved = kBlockTiles * kTileRows * kBlockXTiles * kTokenTile;
constexpr int kPrefillBytes = kStages * kStageVectors * 16 + kSaved * 4;

__device__ inline void copy_async(void* to, const void* from) {
  const auto address = static_cast<unsigned int>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from));
}
__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;");
}
template <int n>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n));
}

/// The operands of a block, 32 of K a stage: A [tile, 2, lane] and B [x tile, lane] of 16 bytes.
struct Stages {
  uint4* memory;
  const uint4* a;  // the block's first tile
  const uint4* b;
  int n_k32;               // of a row
  int n_tiles, n_x_tiles;  // that exist: others are copied from the last

  __device__ uint4* stage(int k32) const { return memory + k32 % kStages * kStageVectors; }
  __device__ void copy(int k32) const {
    uint4* to = stage(k32);
#pragma unroll
    for (int i = 0; i < kBlockTiles * 2 * kWarp / kPrefillThreads; ++i) {
      const int at = i * kPrefillThreads + static_cast<int>(threadIdx.x);
      const int tile = min(at / (2 * kWarp), n_tiles - 1);
      copy_async(to + at, a + (std::int64_t{tile} * n_k32 + k32) * 2 * kWarp + at % (2 * kWarp));
    }
#pragma unroll
    for (int i = 0; i < kBlockXTiles * kWarp / kPrefillThreads; ++i) {
      const int at = i * kPrefillThreads + static_cast<int>(threadIdx.x);
      const int tile = min(at / kWarp, n_x_tiles - 1);
      copy_async(to + kBlockTiles * 2 * kWarp + at, b + (std::int64_t{tile} * n_k32 + k32) * kWarp + at % kWarp);
    }
  }
};

template <bool bf16>
__device__ inline void multiply_stage(float (&acc)[4][8][4], const uint4* stage, int row_half, int x_half, int lane) {
  uint4 b[8];
#pragma unroll
  for (int t = 0; t < 8; ++t) {
    b[t] = stage[kBlockTiles * 2 * kWarp + (x_half * 8 + t) * kWarp + lane];
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      const uint4 a = stage[((row_half * 4 + r) * 2 + half) * kWarp + lane];
#pragma unroll
      for (int t = 0; t < 8; ++t) {
        mma_float<bf16>(acc[r][t], a, half == 0 ? b[t].x : b[t].z, half == 0 ? b[t].y : b[t].w);
      }
    }
  }
}

template <bool bf16>
__global__ __launch_bounds__(kPrefillThreads, 2) void prefill(LinearArgs p) {
  extern __shared__ uint4 shared[];
  float* saved = reinterpret_cast<float*>(shared + kStages * kStageVectors) + threadIdx.x;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int first_x = static_cast<int>(blockIdx.x) * kBlockXTiles * kTokenTile;
  const Product product(p, first_x, static_cast<int>(blockIdx.z));
  if (!product.valid) {
    return;
  }
  const int first_tile = product.row / kTileRows + static_cast<int>(blockIdx.y) * kBlockTiles;
  const int end_tile = (product.row + p.n_rows + kTileRows - 1) / kTileRows;
  if (first_tile >= end_tile) {
    return;
  }
  const int x_batch = static_cast<int>(blockIdx.z * p.x_step);
  const int x_tile = x_batch + first_x / kTokenTile;
  const int n_k32 = p.w.n_steps * 2;
  const Stages stages{.memory = shared,
                      .a = static_cast<const uint4*>(p.w.codes) + std::int64_t{first_tile} * n_k32 * 2 * kWarp,
                      .b = static_cast<const uint4*>(p.packed.codes) + std::int64_t{x_tile} * n_k32 * kWarp,
                      .n_k32 = n_k32,
                      .n_tiles = end_tile - first_tile,
                      .n_x_tiles = (p.x.n - first_x + kTokenTile - 1) / kTokenTile};
#pragma unroll
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < n_k32) {
      stages.copy(s);
    }
    commit_copies();
  }
  float acc[4][8][4] = {};
  const int cut = segment_steps(p.w.n_steps) * 2;
  for (int k32 = 0; k32 < n_k32; ++k32) {
    wait_copies<kStages - 2>();
    __syncthreads();
    if (k32 + kStages - 1 < n_k32) {
      stages.copy(k32 + kStages - 1);
    }
    commit_copies();
    if (k32 == cut) {
#pragma unroll
      for (int i = 0; i < 128; ++i) {
        float& value = acc[i / 32][i / 4 % 8][i % 4];
        saved[i * kPrefillThreads] = value;
        value = 0;
      }
    }
    multiply_stage<bf16>(acc, stages.stage(k32), warp / 2, warp % 2, lane);
  }
#pragma unroll
  for (int i = 0; i < 128; ++i) {
    const int r = i / 32;
    const int t = i / 4 % 8;
    const float value = acc[r][t][i % 4];
    const float sum = cut < n_k32 ? __fadd_rn(saved[i * kPrefillThreads], value) : value;
    const int column = first_x + (warp % 2 * 8 + t) * kTokenTile + lane % 4 * 2 + i % 2;
    const int row = (first_tile + warp / 2 * 4 + r) * kTileRows + lane / 4 + i % 4 / 2 * 8;
    store_output(p, product, column, row, unscaled<bf16>(p, column, x_batch, sum));
  }
}

template <bool bf16>
Status linear_of(const LinearArgs& args, cudaStream_t stream) {
  const auto tiles = static_cast<unsigned int>(tiles_touched(args));
  const auto batch = static_cast<unsigned int>(args.experts != nullptr ? 1 : args.n_batch);
  const int rows = args.experts != nullptr ? args.expert_rows : args.x.n;
  if (rows > kMostDecode) {
    static const cudaError_t allowed =
        cudaFuncSetAttribute(prefill<bf16>, cudaFuncAttributeMaxDynamicSharedMemorySize, kPrefillBytes);
    if (allowed != cudaSuccess) {
      return Error{ErrorCode::device, std::string("linear prefill: shared memory: ") + cudaGetErrorString(allowed)};
    }
    const dim3 grid(blocks_for(args.x.n, kBlockXTiles * kTokenTile), blocks_for(tiles, kBlockTiles), batch);
    prefill<bf16><<<grid, kPrefillThreads, kPrefillBytes, stream>>>(args);
    return launched("linear_floats prefill");
  }
  const auto run = [&](auto kernel, int n_x_tiles) {
    const dim3 grid(blocks_for(tiles, kDecodeTiles), blocks_for(args.x.n, n_x_tiles * kTokenTile), batch);
    kernel<<<grid, kDecodeTiles * kSegments * kWarp, 0, stream>>>(args);
    return launched("linear_floats decode");
  };
  const int x_tiles = (rows + kTokenTile - 1) / kTokenTile;
  return x_tiles == 1   ? run(decode<bf16, 1>, 1)
         : x_tiles == 2 ? run(decode<bf16, 2>, 2)
         : x_tiles <= 4 ? run(decode<bf16, 4>, 4)
                        : run(decode<bf16, 8>, 8);
}

}  // namespace

Status linear_floats(const LinearArgs& args, Stream stream) {
  return args.w.type == DType::bf16 ? linear_of<true>(args, native(stream)) : linear_of<false>(args, native(stream));
}

}  // namespace llorch::cuda
