// Products of block formats with 8-bit activations, on the tensor cores' integers: the sums of 32 products are exact,
// and what ref/matmul.cpp does with them is done here in float. K is cut into kSegments parts of whole units; a part is
// one chain over K, and the parts are added first to last: the same in both kernels.
//
// decode: a block a tile of 16 rows, a warp a segment; a few tokens. prefill: a warp 32 rows and 64 tokens, segment
// after segment.
#include <algorithm>

#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear.cuh"

namespace llorch::cuda {
namespace {

constexpr int kSegments = 8;

__device__ inline int segment_units(int n_units) {
  return (n_units + kSegments - 1) / kSegments;
}

/// x of one tile of 8 rows and one unit: what a lane needs of it.
struct XUnit {
  __device__ XUnit(const PackedX& x, int tile, int unit, int lane) {
    const std::int64_t index = static_cast<std::int64_t>(tile) * x.n_steps + unit;
    codes = static_cast<const uint4*>(x.codes) + index * 4 * kWarp + lane;
    const std::int64_t column = (index * kTokenTile + lane % 4 * 2) * kGroups;
    scales = x.scales + column;
    sums = x.sums + column;
  }
  const uint4* codes;   // 4, kWarp apart
  const float* scales;  // [2 columns, 8 groups]
  const float* sums;
};

/// Adds one group's exact sums c to acc: rows l / 4 and + 8, columns 2 (l % 4) and + 1.
__device__ inline void add_group(float (&acc)[4], const int (&c)[4], float s0, float s1, float x0, float x1) {
  acc[0] = __fmaf_rn(__fmul_rn(s0, x0), __int2float_rn(c[0]), acc[0]);
  acc[1] = __fmaf_rn(__fmul_rn(s0, x1), __int2float_rn(c[1]), acc[1]);
  acc[2] = __fmaf_rn(__fmul_rn(s1, x0), __int2float_rn(c[2]), acc[2]);
  acc[3] = __fmaf_rn(__fmul_rn(s1, x1), __int2float_rn(c[3]), acc[3]);
}

/// A group of a lane's two rows, ready to be multiplied.
template <DType type>
struct Group {
  static constexpr int kScales = Unit<type>::kHalves ? 2 : 1;
  __device__ Group(const Unit<type>& w, int g) {
    w.codes(g, a);
#pragma unroll
    for (int half = 0; half < kScales; ++half) {
      s[half][0] = w.s.scale(g, half, 0);
      s[half][1] = w.s.scale(g, half, 1);
    }
    if constexpr (Unit<type>::kMin) {
      min[0] = -w.s.min(g, 0);
      min[1] = -w.s.min(g, 1);
    }
  }
  std::uint32_t a[4];
  float s[kScales][2];
  float min[2];
};

/// Adds the products of a group with one tile of x to acc.
template <DType type>
__device__ inline void multiply_group(float (&acc)[4], const Group<type>& w, int g, std::uint32_t b0, std::uint32_t b1,
                                      const XUnit& x) {
  const float x0 = __ldg(x.scales + g);
  const float x1 = __ldg(x.scales + kGroups + g);
  if constexpr (Unit<type>::kHalves) {
    int low[4] = {};
    int high[4] = {};
    mma_q8_half(low, w.a[0], w.a[1], b0);
    mma_q8_half(high, w.a[2], w.a[3], b1);
    add_group(acc, low, w.s[0][0], w.s[0][1], x0, x1);
    add_group(acc, high, w.s[1][0], w.s[1][1], x0, x1);
  } else {
    int c[4] = {};
    mma_q8(c, w.a, b0, b1);
    add_group(acc, c, w.s[0][0], w.s[0][1], x0, x1);
  }
  if constexpr (Unit<type>::kMin) {
    const float sum0 = __ldg(x.sums + g);
    const float sum1 = __ldg(x.sums + kGroups + g);
    acc[0] = __fmaf_rn(w.min[0], sum0, acc[0]);
    acc[1] = __fmaf_rn(w.min[0], sum1, acc[1]);
    acc[2] = __fmaf_rn(w.min[1], sum0, acc[2]);
    acc[3] = __fmaf_rn(w.min[1], sum1, acc[3]);
  }
}

template <DType type, int n_x_tiles>
__device__ inline void multiply_unit(float (&acc)[n_x_tiles][4], const Unit<type>& w, const LinearArgs& p, int x_tile,
                                     int unit, int lane) {
#pragma unroll
  for (int pair = 0; pair < kGroups / 2; ++pair) {
    const Group<type> even(w, 2 * pair);
    const Group<type> odd(w, 2 * pair + 1);
#pragma unroll
    for (int t = 0; t < n_x_tiles; ++t) {
      const XUnit x(p.packed, x_tile + t, unit, lane);
      const uint4 b = __ldg(x.codes + pair * kWarp);
      multiply_group(acc[t], even, 2 * pair, b.x, b.y, x);
      multiply_group(acc[t], odd, 2 * pair + 1, b.z, b.w, x);
    }
  }
}

template <DType type, int n_x_tiles>
__global__ __launch_bounds__(kSegments* kWarp) void decode(LinearArgs p) {
  constexpr int kColumns = n_x_tiles * kTokenTile;
  __shared__ float sums[kSegments][kColumns][kTileRows];
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int segment = static_cast<int>(threadIdx.x) / kWarp;
  const int first_x = static_cast<int>(blockIdx.y) * kColumns;
  const Product product(p, first_x, static_cast<int>(blockIdx.z));
  if (!product.valid) {
    return;
  }
  const int tile = product.row / kTileRows + static_cast<int>(blockIdx.x);
  if (tile * kTileRows >= product.row + p.n_rows) {
    return;
  }
  const int x_tile = static_cast<int>(blockIdx.z * p.x_step) + first_x / kTokenTile;
  const int per_segment = segment_units(p.w.n_steps);
  const int begin = segment * per_segment;
  const int end = min(begin + per_segment, p.w.n_steps);
  float acc[n_x_tiles][4] = {};
  Unit<type> next;
  if (begin < end) {
    next.load(p.w, {p.w, tile, begin, lane});
  }
  for (int unit = begin; unit < end; ++unit) {
    const Unit<type> w = next;
    if (unit + 1 < end) {
      next.load(p.w, {p.w, tile, unit + 1, lane});
    }
    multiply_unit<type, n_x_tiles>(acc, w, p, x_tile, unit, lane);
  }
#pragma unroll
  for (int t = 0; t < n_x_tiles; ++t) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      sums[segment][t * kTokenTile + lane % 4 * 2 + i % 2][lane / 4 + i / 2 * 8] = acc[t][i];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * kTileRows; i += kSegments * kWarp) {
    const int column = i / kTileRows;
    const int row = i % kTileRows;
    float sum = 0;
    for (int s = 0; s < kSegments && s * per_segment < p.w.n_steps; ++s) {
      sum = __fadd_rn(sum, sums[s][column][row]);
    }
    store_output(p, product, first_x + column, tile * kTileRows + row, sum);
  }
}

constexpr int kRowTiles = 2;  // of a warp
constexpr int kXTiles = 8;    // of a warp
constexpr int kWarpsOfRows = 4;
constexpr int kWarpsOfX = 2;
constexpr int kBlockRows = kRowTiles * kWarpsOfRows;  // in tiles
constexpr int kBlockX = kXTiles * kWarpsOfX;

template <DType type>
__global__ __launch_bounds__(kWarpsOfRows* kWarpsOfX* kWarp, 1) void prefill(LinearArgs p) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int first_x = (static_cast<int>(blockIdx.x) * kWarpsOfX + warp % kWarpsOfX) * kXTiles * kTokenTile;
  if (first_x >= p.x.n) {
    return;
  }
  const Product product(p, first_x, static_cast<int>(blockIdx.z));
  if (!product.valid) {
    return;
  }
  const int tile = product.row / kTileRows + static_cast<int>(blockIdx.y) * kBlockRows + warp / kWarpsOfX * kRowTiles;
  const int end_tile = (product.row + p.n_rows + kTileRows - 1) / kTileRows;
  if (tile >= end_tile) {
    return;
  }
  const int x_tile = static_cast<int>(blockIdx.z * p.x_step) + first_x / kTokenTile;
  const int per_segment = segment_units(p.w.n_steps);
  for (int r = 0; r < kRowTiles && tile + r < end_tile; ++r) {
    float total[kXTiles][4] = {};
    for (int begin = 0; begin < p.w.n_steps; begin += per_segment) {
      float acc[kXTiles][4] = {};
      for (int unit = begin; unit < min(begin + per_segment, p.w.n_steps); ++unit) {
        Unit<type> w;
        w.load(p.w, {p.w, tile + r, unit, lane});
        multiply_unit<type, kXTiles>(acc, w, p, x_tile, unit, lane);
      }
#pragma unroll
      for (int t = 0; t < kXTiles; ++t) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          total[t][i] = __fadd_rn(total[t][i], acc[t][i]);
        }
      }
    }
#pragma unroll
    for (int t = 0; t < kXTiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        store_output(p, product, first_x + t * kTokenTile + lane % 4 * 2 + i % 2,
                     (tile + r) * kTileRows + lane / 4 + i / 2 * 8, total[t][i]);
      }
    }
  }
}

constexpr int kMostDecode = 64;  // rows of x

template <DType type>
Status linear_of(const LinearArgs& args, cudaStream_t stream) {
  const auto tiles = static_cast<unsigned int>(tiles_touched(args));
  const auto batch = static_cast<unsigned int>(args.experts != nullptr ? 1 : args.n_batch);
  const int rows = args.experts != nullptr ? args.expert_rows : args.x.n;
  if (rows > kMostDecode) {
    const dim3 grid(blocks_for(args.x.n, kBlockX * kTokenTile), blocks_for(tiles, kBlockRows), batch);
    prefill<type><<<grid, kWarpsOfRows * kWarpsOfX * kWarp, 0, stream>>>(args);
    return launched("linear_q8 prefill");
  }
  const auto run = [&](auto kernel, int n_x_tiles) {
    const dim3 grid(tiles, blocks_for(args.x.n, n_x_tiles * kTokenTile), batch);
    kernel<<<grid, kSegments * kWarp, 0, stream>>>(args);
    return launched("linear_q8 decode");
  };
  const int x_tiles = (rows + kTokenTile - 1) / kTokenTile;
  return x_tiles == 1   ? run(decode<type, 1>, 1)
         : x_tiles == 2 ? run(decode<type, 2>, 2)
         : x_tiles <= 4 ? run(decode<type, 4>, 4)
                        : run(decode<type, 8>, 8);
}

}  // namespace

Status linear_q8(const LinearArgs& args, Stream stream) {
  const auto s = native(stream);
  switch (args.w.type) {
    case DType::q8_0:
      return linear_of<DType::q8_0>(args, s);
    case DType::q4_0:
      return linear_of<DType::q4_0>(args, s);
    case DType::q4_1:
      return linear_of<DType::q4_1>(args, s);
    case DType::q5_0:
      return linear_of<DType::q5_0>(args, s);
    case DType::q5_1:
      return linear_of<DType::q5_1>(args, s);
    case DType::q4_k:
      return linear_of<DType::q4_k>(args, s);
    case DType::q5_k:
      return linear_of<DType::q5_k>(args, s);
    case DType::q6_k:
      return linear_of<DType::q6_k>(args, s);
    case DType::iq4_nl:
      return linear_of<DType::iq4_nl>(args, s);
    case DType::iq4_xs:
      return linear_of<DType::iq4_xs>(args, s);
    case DType::mxfp4:
      return linear_of<DType::mxfp4>(args, s);
    default:
      return Error{ErrorCode::internal, "linear_q8: not a block format"};
  }
}

}  // namespace llorch::cuda
