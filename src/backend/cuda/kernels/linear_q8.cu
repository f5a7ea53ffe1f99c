// Products of block formats with 8-bit activations, on the tensor cores' integers: the sums of 32 products are exact,
// and what ref/matmul.cpp does with them is done here in float. K is cut into kSegments parts of whole units; a part is
// one chain over K, and the parts are added first to last: the same in both kernels.
//
// A unit's 8 groups are summed as ((0 + 1) + (2 + 3)), where 0 is groups 0 and 4, 1 is groups 1 and 5, ..., then added
// to the chain: so one token can have its groups side by side in the columns of the tensor core, eight at a time.
//
// decode: a block a tile of 16 rows, a warp a segment; a few tokens, or one. prefill: a warp 16 rows and 32 tokens,
// segment after segment.
#include <algorithm>

#include "backend/cuda/kernels/launch.h"
#include "backend/cuda/kernels/linear.cuh"

namespace llorch::cuda {
namespace {

constexpr int kSegments = 8;

__device__ inline int segment_units(int n_units) {
  return (n_units + kSegments - 1) / kSegments;
}

/// x of one tile of 8 rows and one unit: what a lane needs of it. Read by plain loads, never as constant memory: the
/// kernel that writes it may still run when this one begins.
struct XUnit {
  __device__ XUnit(const PackedX& x, int tile, int unit, int lane) {
    const std::int64_t index = static_cast<std::int64_t>(tile) * x.n_steps + unit;
    codes = static_cast<const uint4*>(x.codes) + index * 4 * kWarp + lane;
    scales = reinterpret_cast<const float4*>(x.scales) + index * kGroups * (kTokenTile / 2) + lane % 4;
  }
  /// {scale, scaled sum} of group g of the lane's two columns.
  __device__ float4 scales_of(int g) const { return scales[g * (kTokenTile / 2)]; }
  const uint4* codes;  // 4, kWarp apart
  const float4* scales;
};

/// u = or += the exact sums c of one group: rows l / 4 and + 8, columns 2 (l % 4) and + 1.
template <bool first>
__device__ inline void add_group(float (&u)[4], const int (&c)[4], float s0, float s1, float x0, float x1) {
  const float scales[4] = {__fmul_rn(s0, x0), __fmul_rn(s0, x1), __fmul_rn(s1, x0), __fmul_rn(s1, x1)};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float dot = __int2float_rn(c[i]);
    u[i] = first ? __fmul_rn(scales[i], dot) : __fmaf_rn(scales[i], dot, u[i]);
  }
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

/// u = or += the products of a group with one tile of x.
template <DType type, bool first>
__device__ inline void multiply_group(float (&u)[4], const Group<type>& w, std::uint32_t b0, std::uint32_t b1,
                                      const float4& x) {
  if constexpr (Unit<type>::kHalves) {
    int low[4] = {};
    int high[4] = {};
    mma_q8_half(low, w.a[0], w.a[1], b0);
    mma_q8_half(high, w.a[2], w.a[3], b1);
    add_group<first>(u, low, w.s[0][0], w.s[0][1], x.x, x.z);
    add_group<false>(u, high, w.s[1][0], w.s[1][1], x.x, x.z);
  } else {
    int c[4] = {};
    mma_q8(c, w.a, b0, b1);
    add_group<first>(u, c, w.s[0][0], w.s[0][1], x.x, x.z);
  }
  if constexpr (Unit<type>::kMin) {
    u[0] = __fmaf_rn(w.min[0], x.y, u[0]);
    u[1] = __fmaf_rn(w.min[0], x.w, u[1]);
    u[2] = __fmaf_rn(w.min[1], x.y, u[2]);
    u[3] = __fmaf_rn(w.min[1], x.w, u[3]);
  }
}

/// One unit of n_rows tiles of rows with n_x_tiles of x.
template <DType type, int n_rows, int n_x_tiles>
__device__ inline void multiply_unit(float (&acc)[n_rows][n_x_tiles][4], const Unit<type> (&w)[n_rows],
                                     const PackedX& packed, int x_tile, int unit, int lane) {
#pragma unroll
  for (int r = 0; r < n_rows; ++r) {
    float first_half[n_x_tiles][4];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const Group<type> w0(w[r], 2 * h);
      const Group<type> w1(w[r], 2 * h + 1);
      const Group<type> w4(w[r], 2 * h + 4);
      const Group<type> w5(w[r], 2 * h + 5);
#pragma unroll
      for (int t = 0; t < n_x_tiles; ++t) {
        const XUnit x(packed, x_tile + t, unit, lane);
        const uint4 low = x.codes[h * kWarp];
        const uint4 high = x.codes[(h + 2) * kWarp];
        float u0[4];
        float u1[4];
        multiply_group<type, true>(u0, w0, low.x, low.y, x.scales_of(2 * h));
        multiply_group<type, false>(u0, w4, high.x, high.y, x.scales_of(2 * h + 4));
        multiply_group<type, true>(u1, w1, low.z, low.w, x.scales_of(2 * h + 1));
        multiply_group<type, false>(u1, w5, high.z, high.w, x.scales_of(2 * h + 5));
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float half = __fadd_rn(u0[i], u1[i]);
          if (h == 0) {
            first_half[t][i] = half;
          } else {
            acc[r][t][i] = __fadd_rn(acc[r][t][i], __fadd_rn(first_half[t][i], half));
          }
        }
      }
    }
  }
}

/// One unit of two rows with one token: x of the lane's own group, x0 and x4 {scale, scaled sum} of groups `quarter`
/// and `quarter` + 4.
template <DType type>
__device__ inline void add_unit(float (&acc)[2], const Unit<type>& w, const uint2& x, const float2& x0,
                                const float2& x4, int own, int quarter) {
  int c[4] = {};
  int high[4] = {};
#pragma unroll
  for (int g = 0; g < kGroups; ++g) {
    std::uint32_t a[4];
    w.codes(g, a);
    const std::uint32_t b0 = g == own ? x.x : 0U;
    const std::uint32_t b1 = g == own ? x.y : 0U;
    if constexpr (Unit<type>::kHalves) {
      mma_q8_half(c, a[0], a[1], b0);
      mma_q8_half(high, a[2], a[3], b1);
    } else {
      mma_q8(c, a, b0, b1);
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float u = __fmul_rn(__fmul_rn(w.s.scale_at(0, quarter, 0, r), x0.x), __int2float_rn(c[2 * r]));
    if constexpr (Unit<type>::kHalves) {
      u = __fmaf_rn(__fmul_rn(w.s.scale_at(0, quarter, 1, r), x0.x), __int2float_rn(high[2 * r]), u);
    }
    if constexpr (Unit<type>::kMin) {
      u = __fmaf_rn(-w.s.min_at(0, quarter, r), x0.y, u);
    }
    u = __fmaf_rn(__fmul_rn(w.s.scale_at(1, quarter, 0, r), x4.x), __int2float_rn(c[2 * r + 1]), u);
    if constexpr (Unit<type>::kHalves) {
      u = __fmaf_rn(__fmul_rn(w.s.scale_at(1, quarter, 1, r), x4.x), __int2float_rn(high[2 * r + 1]), u);
    }
    if constexpr (Unit<type>::kMin) {
      u = __fmaf_rn(-w.s.min_at(1, quarter, r), x4.y, u);
    }
    u = __fadd_rn(u, __shfl_xor_sync(kAllLanes, u, 1));
    u = __fadd_rn(u, __shfl_xor_sync(kAllLanes, u, 2));
    acc[r] = __fadd_rn(acc[r], u);
  }
}

/// Where a block of decode_one works: a tile of rows of one of the products.
struct TilePlace {
  __device__ TilePlace(const Products& all, int block)
      : p(&find_product(all, block)),
        product(*p, 0, static_cast<int>(blockIdx.z)),
        tile(product.row / kTileRows + block) {}
  const LinearArgs* p;
  Product product;
  int tile;
};

/// One token: column n of the tensor core is group n / 2 + 4 (n % 2) of a unit, so that a lane's sums are those of
/// groups l % 4 and l % 4 + 4 of its two rows. A block goes from tile to tile, with the next weights on their way.
template <DType type>
__global__ __launch_bounds__(kSegments* kWarp, 2) void decode_one(const __grid_constant__ Products all) {
  __shared__ float sums[2][kSegments][kTileRows];
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int quarter = lane % 4;
  const int segment = static_cast<int>(threadIdx.x) / kWarp;
  const int n_blocks = all.end[all.n - 1];
  const PackedX& packed = all.p[0].packed;  // all products have the same x
  const int n_units = all.p[0].w.n_steps;
  const int per_segment = segment_units(n_units);
  const int begin = segment * per_segment;
  const int end = min(begin + per_segment, n_units);
  Unit<type> next;
  const auto load = [&](const TilePlace& place, int unit) {
    next.load(place.p->w,
              {place.p->w, min(place.tile, ((place.p->w.rows + kTileRows - 1) / kTileRows) - 1), unit, lane});
  };
  if (begin < end) {
    load(TilePlace(all, static_cast<int>(blockIdx.x)), begin);  // weights do not wait for the kernel in front
  }
  wait_for_inputs();
  const std::int64_t x_unit = static_cast<std::int64_t>(blockIdx.z * all.p[0].x_step) * packed.n_steps;
  const int own = lane / 4 / 2 + lane / 4 % 2 * 4;  // the group whose x this lane hands to the tensor core
  const auto* codes = static_cast<const uint2*>(packed.codes) + (own / 2 * kWarp + quarter) * 2 + own % 2;
  const auto* scales = reinterpret_cast<const float2*>(packed.scales) + quarter * kTokenTile;
  int turn = 0;
  for (int block = static_cast<int>(blockIdx.x); block < n_blocks; block += static_cast<int>(gridDim.x)) {
    const TilePlace place(all, block);
    float acc[2] = {};
    for (int unit = begin; unit < end; ++unit) {
      const Unit<type> w = next;
      if (unit + 1 < end) {
        load(place, unit + 1);
      } else if (block + static_cast<int>(gridDim.x) < n_blocks) {
        load(TilePlace(all, block + static_cast<int>(gridDim.x)), begin);
      }
      const uint2 x = codes[(x_unit + unit) * 4 * kWarp * 2];
      const float2 x0 = scales[(x_unit + unit) * kGroups * kTokenTile];
      const float2 x4 = scales[(x_unit + unit) * kGroups * kTokenTile + 4 * kTokenTile];
      add_unit(acc, w, x, x0, x4, own, quarter);
    }
    if (quarter == 0) {
      sums[turn][segment][lane / 4] = acc[0];
      sums[turn][segment][lane / 4 + 8] = acc[1];
    }
    __syncthreads();
    if (threadIdx.x < kTileRows) {
      float sum = 0;
      for (int s = 0; s < kSegments && s * per_segment < n_units; ++s) {
        sum = __fadd_rn(sum, sums[turn][s][threadIdx.x]);
      }
      store_output(*place.p, place.product, 0, place.tile * kTileRows + static_cast<int>(threadIdx.x), sum);
    }
    turn ^= 1;
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

constexpr int kXTiles = 4;  // of a warp
constexpr int kWarpsOfRows = 2;
constexpr int kWarpsOfX = 2;
constexpr int kBlockX = kXTiles * kWarpsOfX;
constexpr int kPrefillThreads = kWarpsOfRows * kWarpsOfX * kWarp;

template <DType type>
__global__ __launch_bounds__(kPrefillThreads, 3) void prefill(const __grid_constant__ Products all) {
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
    const Products products = in_blocks(args, kWarpsOfRows * kTileRows);
    const dim3 grid(blocks_for(first.x.n, kBlockX * kTokenTile),
                    static_cast<unsigned int>(products.end[products.n - 1]), batch);
    return launch("linear_q8 prefill", prefill<type>, {grid, kPrefillThreads}, stream, products);
  }
  const auto run = [&](auto kernel, int n_rows, int n_x_tiles) {
    const Products products = in_blocks(args, n_rows * kTileRows);
    const dim3 grid(static_cast<unsigned int>(products.end[products.n - 1]),
                    blocks_for(first.x.n, n_x_tiles * kTokenTile), batch);
    return launch("linear_q8 decode", kernel, {grid, kSegments * kWarp}, stream, products);
  };
  if (rows == 1 && first.experts == nullptr) {
    const Products products = in_blocks(args, kTileRows);
    constexpr int kBlocksEach = 2;  // of a multiprocessor
    const int blocks = std::min(products.end[products.n - 1], kBlocksEach * multiprocessors());
    return launch("linear_q8 one", decode_one<type>,
                  {dim3(static_cast<unsigned int>(blocks), 1, batch), kSegments * kWarp}, stream, products);
  }
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
