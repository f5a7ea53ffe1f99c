// Products of block formats with 8-bit activations, on the tensor cores' integers: the sums of 32 products are exact,
// and what ref/matmul.cpp does with them is done here in float. K is cut into kSegments parts of whole units; a part is
// one chain over K, and the parts are added first to last: the same in both kernels.
//
// decode: a block a tile of 16 rows, a warp a segment; a few tokens. prefill: a warp 16 rows and 64 tokens, segment
// after segment.
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
    scales = reinterpret_cast<const float4*>(x.scales) + index * kGroups * (kTokenTile / 2) + lane % 4;
  }
  /// {scale, scaled sum} of group g of the lane's two columns.
  __device__ float4 scales_of(int g) const { return __ldg(scales + g * (kTokenTile / 2)); }
  const uint4* codes;  // 4, kWarp apart
  const float4* scales;
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
__device__ inline void multiply_group(float (&acc)[4], const Group<type>& w, std::uint32_t b0, std::uint32_t b1,
                                      const float4& x) {
  const float x0 = x.x;
  const float x1 = x.z;
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
    acc[0] = __fmaf_rn(w.min[0], x.y, acc[0]);
    acc[1] = __fmaf_rn(w.min[0], x.w, acc[1]);
    acc[2] = __fmaf_rn(w.min[1], x.y, acc[2]);
    acc[3] = __fmaf_rn(w.min[1], x.w, acc[3]);
  }
}

/// One unit of n_rows tiles of rows with n_x_tiles of x.
template <DType type, int n_rows, int n_x_tiles>
__device__ inline void multiply_unit(float (&acc)[n_rows][n_x_tiles][4], const Unit<type> (&w)[n_rows],
                                     const PackedX& packed, int x_tile, int unit, int lane) {
#pragma unroll
  for (int pair = 0; pair < kGroups / 2; ++pair) {
#pragma unroll
    for (int r = 0; r < n_rows; ++r) {
      const Group<type> even(w[r], 2 * pair);
      const Group<type> odd(w[r], 2 * pair + 1);
#pragma unroll
      for (int t = 0; t < n_x_tiles; ++t) {
        const XUnit x(packed, x_tile + t, unit, lane);
        const uint4 b = __ldg(x.codes + pair * kWarp);
        multiply_group(acc[r][t], even, b.x, b.y, x.scales_of(2 * pair));
        multiply_group(acc[r][t], odd, b.z, b.w, x.scales_of(2 * pair + 1));
      }
    }
  }
}

/// Blocks of decode that a multiprocessor should hold: few registers for one tile of x, where loads wait for memory.
template <int n_x_tiles>
inline constexpr int kDecodeBlocks = n_x_tiles == 1   ? 3
                                     : n_x_tiles == 2 ? 2
                                                      : 1;

template <DType type, int n_rows, int n_x_tiles>
__global__ __launch_bounds__(kSegments* kWarp,
                             kDecodeBlocks<n_x_tiles>) void decode(const __grid_constant__ Products all) {
  constexpr int kColumns = n_x_tiles * kTokenTile;
  constexpr int kRows = n_rows * kTileRows;
  __shared__ float sums[kSegments][kColumns][kRows];
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
  const int x_tile = static_cast<int>(blockIdx.z * p.x_step) + first_x / kTokenTile;
  const int per_segment = segment_units(p.w.n_steps);
  const int begin = segment * per_segment;
  const int end = min(begin + per_segment, p.w.n_steps);
  float acc[n_rows][n_x_tiles][4] = {};
  const auto load = [&](Unit<type>(&w)[n_rows], int unit) {
#pragma unroll
    for (int r = 0; r < n_rows; ++r) {
      w[r].load(p.w, {p.w, min(tile + r, end_tile - 1), unit, lane});
    }
  };
  Unit<type> w[n_rows];
  if (begin < end) {
    load(w, begin);  // weights do not wait for the kernel in front
  }
  if (p.experts == nullptr) {
    wait_for_inputs();
  }
  for (int unit = begin; unit < end; ++unit) {
    if (unit > begin) {
      load(w, unit);
    }
    multiply_unit<type, n_rows, n_x_tiles>(acc, w, p.packed, x_tile, unit, lane);
  }
#pragma unroll
  for (int r = 0; r < n_rows; ++r) {
#pragma unroll
    for (int t = 0; t < n_x_tiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sums[segment][t * kTokenTile + lane % 4 * 2 + i % 2][r * kTileRows + lane / 4 + i / 2 * 8] = acc[r][t][i];
      }
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * kRows; i += kSegments * kWarp) {
    const int column = i / kRows;
    const int row = i % kRows;
    float sum = 0;
    for (int s = 0; s < kSegments && s * per_segment < p.w.n_steps; ++s) {
      sum = __fadd_rn(sum, sums[s][column][row]);
    }
    store_output(p, product, first_x + column, tile * kTileRows + row, sum);
  }
}

constexpr int kXTiles = 8;  // of a warp
constexpr int kWarpsOfRows = 4;
constexpr int kWarpsOfX = 2;
constexpr int kBlockX = kXTiles * kWarpsOfX;
constexpr int kPrefillThreads = kWarpsOfRows * kWarpsOfX * kWarp;

template <DType type>
__global__ __launch_bounds__(kPrefillThreads, 1) void prefill(const __grid_constant__ Products all) {
  wait_for_inputs();
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int first_x = (static_cast<int>(blockIdx.x) * kWarpsOfX + warp % kWarpsOfX) * kXTiles * kTokenTile;
  int block = static_cast<int>(blockIdx.y);
  const LinearArgs& p = find_product(all, block);
  if (first_x >= p.x.n) {
    return;
  }
  const Product product(p, first_x, static_cast<int>(blockIdx.z));
  const int tile = product.row / kTileRows + block * kWarpsOfRows + warp / kWarpsOfX;
  if (!product.valid || tile * kTileRows >= product.row + p.n_rows) {
    return;
  }
  const int x_tile = static_cast<int>(blockIdx.z * p.x_step) + first_x / kTokenTile;
  const int per_segment = segment_units(p.w.n_steps);
  float total[kXTiles][4] = {};
  for (int begin = 0; begin < p.w.n_steps; begin += per_segment) {
    float acc[1][kXTiles][4] = {};
    for (int unit = begin; unit < min(begin + per_segment, p.w.n_steps); ++unit) {
      Unit<type> w[1];
      w[0].load(p.w, {p.w, tile, unit, lane});
      multiply_unit<type, 1, kXTiles>(acc, w, p.packed, x_tile, unit, lane);
    }
#pragma unroll
    for (int t = 0; t < kXTiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        total[t][i] = __fadd_rn(total[t][i], acc[0][t][i]);
      }
    }
  }
#pragma unroll
  for (int t = 0; t < kXTiles; ++t) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      store_output(p, product, first_x + t * kTokenTile + lane % 4 * 2 + i % 2, tile * kTileRows + lane / 4 + i / 2 * 8,
                   total[t][i]);
    }
  }
}

constexpr int kMostDecode = 64;  // rows of x

template <DType type>
Status linear_of(std::span<const LinearArgs> args, Stream stream) {
  const LinearArgs& first = args.front();
  const auto batch = static_cast<unsigned int>(first.experts != nullptr ? 1 : first.n_batch);
  const int rows = first.experts != nullptr ? first.expert_rows : first.x.n;
  if (rows > kMostDecode) {
    const Products products = in_blocks(args, kWarpsOfRows);
    const dim3 grid(blocks_for(first.x.n, kBlockX * kTokenTile),
                    static_cast<unsigned int>(products.end[products.n - 1]), batch);
    return launch("linear_q8 prefill", prefill<type>, {grid, kPrefillThreads}, stream, products);
  }
  const auto run = [&](auto kernel, int n_rows, int n_x_tiles) {
    const Products products = in_blocks(args, n_rows);
    const dim3 grid(static_cast<unsigned int>(products.end[products.n - 1]),
                    blocks_for(first.x.n, n_x_tiles * kTokenTile), batch);
    return launch("linear_q8 decode", kernel, {grid, kSegments * kWarp}, stream, products);
  };
  const int x_tiles = (rows + kTokenTile - 1) / kTokenTile;
  return x_tiles == 1   ? run(decode<type, 1, 1>, 1, 1)
         : x_tiles == 2 ? run(decode<type, 1, 2>, 1, 2)
         : x_tiles <= 4 ? run(decode<type, 1, 4>, 1, 4)
                        : run(decode<type, 1, 8>, 1, 8);
}

}  // namespace

Status linear_q8(std::span<const LinearArgs> products, Stream stream) {
  switch (products.front().w.type) {
    case DType::q8_0:
      return linear_of<DType::q8_0>(products, stream);
    case DType::q4_0:
      return linear_of<DType::q4_0>(products, stream);
    case DType::q4_1:
      return linear_of<DType::q4_1>(products, stream);
    case DType::q5_0:
      return linear_of<DType::q5_0>(products, stream);
    case DType::q5_1:
      return linear_of<DType::q5_1>(products, stream);
    case DType::q4_k:
      return linear_of<DType::q4_k>(products, stream);
    case DType::q5_k:
      return linear_of<DType::q5_k>(products, stream);
    case DType::q6_k:
      return linear_of<DType::q6_k>(products, stream);
    case DType::iq4_nl:
      return linear_of<DType::iq4_nl>(products, stream);
    case DType::iq4_xs:
      return linear_of<DType::iq4_xs>(products, stream);
    case DType::mxfp4:
      return linear_of<DType::mxfp4>(products, stream);
    default:
      return Error{ErrorCode::internal, "linear_q8: not a block format"};
  }
}

}  // namespace llorch::cuda
