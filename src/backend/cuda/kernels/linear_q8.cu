// Products of block formats with 8-bit activations, on the tensor cores' integers: the sums of 32 products are exact,
// and what ref/matmul.cpp does with them is done here in float. K is cut into kSegments parts of whole units; a part is
// one chain over K, and the parts are added first to last: the same in both kernels.
//
// A unit's 8 groups are summed as ((0 + 1) + (2 + 3)), where 0 is groups 0 and 4, 1 is groups 1 and 5, ..., then added
// to the chain: so one token can have its groups side by side in the columns of the tensor core, eight at a time.
//
// decode_one: a warp a segment of a tile of 16 rows, tile after tile, with copies of the weights on their way to a ring
// in shared memory. decode: the same for a few tokens, a block a tile. prefill: a warp 16 rows and 32 tokens, segment
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

/// A conversion of a dot to a float takes eight times as long as a sum. A float between 2^23 and 2^24 has its whole
/// number in its low bits: a dot (at most 2^19) that starts with the bits of kWhole ends with those of kWhole + dot.
constexpr float kWhole = 0x1.8p23F;
constexpr int kWholeBits = 0x4B400000;
static_assert(__builtin_bit_cast(int, kWhole) == kWholeBits);

/// What a scale's dots are to lose: scale * (kWhole + dot) - scale * kWhole, rounded once, is scale * dot, rounded,
/// since scale * kWhole is exact. Powers of two may be too large for it.
template <DType type>
__device__ inline float excess_of(float scale) {
  return Unit<type>::kPowers ? 0.0F : __fmul_rn(scale, -kWhole);
}

/// scale * dot, rounded; `sum` started with kWholeBits.
template <DType type>
__device__ inline float scaled(int sum, float scale, float excess) {
  const float dot = __int_as_float(sum);
  return Unit<type>::kPowers ? __fmul_rn(scale, __fsub_rn(dot, kWhole)) : __fmaf_rn(scale, dot, excess);
}

/// Scales of a lane's two rows, and what their dots are to lose.
template <DType type>
struct RowScales {
  __device__ RowScales() = default;
  __device__ RowScales(float s0, float s1) : scale{s0, s1}, excess{excess_of<type>(s0), excess_of<type>(s1)} {}
  float scale[2];
  float excess[2];
};

/// u = or += the exact sums c of one group: rows l / 4 and + 8, columns 2 (l % 4) and + 1.
template <DType type, bool first>
__device__ inline void add_group(float (&u)[4], const int (&c)[4], const RowScales<type>& s, float x0, float x1) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float product = scaled<type>(c[i], s.scale[i / 2], s.excess[i / 2]);
    const float x = i % 2 == 0 ? x0 : x1;
    u[i] = first ? __fmul_rn(product, x) : __fmaf_rn(product, x, u[i]);
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
      s[half] = {w.s.scale(g, half, 0), w.s.scale(g, half, 1)};
    }
    if constexpr (Unit<type>::kMin) {
      min[0] = -w.s.min(g, 0);
      min[1] = -w.s.min(g, 1);
    }
  }
  std::uint32_t a[4];
  RowScales<type> s[kScales];
  float min[2];
};

/// u = or += the products of a group with one tile of x.
template <DType type, bool first>
__device__ inline void multiply_group(float (&u)[4], const Group<type>& w, std::uint32_t b0, std::uint32_t b1,
                                      const float4& x) {
  if constexpr (Unit<type>::kHalves) {
    int low[4] = {kWholeBits, kWholeBits, kWholeBits, kWholeBits};
    int high[4] = {kWholeBits, kWholeBits, kWholeBits, kWholeBits};
    mma_q8_half(low, w.a[0], w.a[1], b0);
    mma_q8_half(high, w.a[2], w.a[3], b1);
    add_group<type, first>(u, low, w.s[0], x.x, x.z);
    add_group<type, false>(u, high, w.s[1], x.x, x.z);
  } else {
    int c[4] = {kWholeBits, kWholeBits, kWholeBits, kWholeBits};
    mma_q8(c, w.a, b0, b1);
    add_group<type, first>(u, c, w.s[0], x.x, x.z);
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
    // No load goes ahead of this: x comes from the L1 cache again, and not from registers that it would have to be kept
    // in. Where there is one tile of rows fewer registers are spilled, too: 68 bytes in prefill of Q4_K, not 308.
    __syncwarp();
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

/// x of one token and one unit: what a lane needs of it.
struct XOfOne {
  uint2 codes;  // of the group that the lane hands to the tensor core
  float2 low;   // {scale, scaled sum} of group l % 4
  float2 high;  // of group l % 4 + 4
};

/// One unit of two rows with one token. Column n of the tensor core is group n / 2 + 4 (n % 2), so that a lane's sums
/// are those of groups l % 4 and l % 4 + 4 of its two rows; `own`: the group of the lane's column.
template <DType type>
__device__ inline void add_unit(float (&acc)[2], const Unit<type>& w, const XOfOne& x, int own, int quarter) {
  int c[4] = {kWholeBits, kWholeBits, kWholeBits, kWholeBits};
  int high[4] = {kWholeBits, kWholeBits, kWholeBits, kWholeBits};
#pragma unroll
  for (int g = 0; g < kGroups; ++g) {
    std::uint32_t a[4];
    w.codes(g, a);
    const std::uint32_t b0 = g == own ? x.codes.x : 0U;
    const std::uint32_t b1 = g == own ? x.codes.y : 0U;
    if constexpr (Unit<type>::kHalves) {
      mma_q8_half(c, a[0], a[1], b0);
      mma_q8_half(high, a[2], a[3], b1);
    } else {
      mma_q8(c, a, b0, b1);
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float u = 0;
#pragma unroll
    for (int upper = 0; upper < 2; ++upper) {
      const float2& group = upper == 0 ? x.low : x.high;
#pragma unroll
      for (int half = 0; half < (Unit<type>::kHalves ? 2 : 1); ++half) {
        const float scale = w.s.scale_at(upper, quarter, half, r);
        const int sum = half == 0 ? c[2 * r + upper] : high[2 * r + upper];
        const float product = scaled<type>(sum, scale, excess_of<type>(scale));
        u = upper + half == 0 ? __fmul_rn(product, group.x) : __fmaf_rn(product, group.x, u);
      }
      if constexpr (Unit<type>::kMin) {
        u = __fmaf_rn(-w.s.min_at(upper, quarter, r), group.y, u);
      }
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

/// A warp's units in shared memory: each its parts one after the other. As many as leave a multiprocessor of 228 KB
/// room for two such blocks and a small kernel, and one of 100 KB for one.
template <DType type>
struct UnitRing {
  static constexpr LayoutBytes kParts = layout_unit_bytes(type);
  static constexpr int kUnitBytes = static_cast<int>(kParts.total());
  static constexpr int kMostBytes = 96 * 1024;
  static constexpr int kStages = kMostBytes / (kSegments * kUnitBytes);
  static_assert(kStages >= 2);
  static constexpr std::size_t kBytes = std::size_t{kSegments} * kStages * kUnitBytes;
};

template <std::int64_t bytes>
__device__ inline void copy_part(std::byte*& to, const std::byte* from, int lane) {
  constexpr int kVectors = static_cast<int>(bytes / 16);
#pragma unroll
  for (int i = 0; i < kVectors; i += kWarp) {
    if (i + lane < kVectors) {
      copy_async(to + (i + lane) * 16, from + (i + lane) * 16);
    }
  }
  to += bytes;
}

/// The units of a warp's segment, in all tiles of its block, on their way to its ring.
template <DType type>
class UnitStream {
 public:
  using Ring = UnitRing<type>;
  /// Units [begin, end) of K.
  __device__ UnitStream(const Products& all, std::byte* ring, int begin, int end, int lane)
      : all_(all), ring_(ring), begin_(begin), end_(end), unit_(begin), lane_(lane) {}

  /// Begins to copy the next unit, if there is one.
  __device__ void copy_next() {
    if (begin_ < end_ && block_ < all_.end[all_.n - 1]) {
      const TilePlace place(all_, block_);
      const DeviceMatrix& m = place.p->w;
      const int last_tile = (m.rows + kTileRows - 1) / kTileRows - 1;
      const UnitPlace<DeviceMemory> from = unit_of<type>(m, min(place.tile, last_tile), unit_, lane_);
      std::byte* to = ring_ + copied_ * Ring::kUnitBytes;
      copy_part<Ring::kParts.codes>(to, from.codes, lane_);
      copy_part<Ring::kParts.high>(to, from.high, lane_);
      copy_part<Ring::kParts.scales>(to, from.scales, lane_);
      copy_part<Ring::kParts.super>(to, from.super, lane_);
      copied_ = next(copied_);
      if (++unit_ == end_) {
        unit_ = begin_;
        block_ += static_cast<int>(gridDim.x);
      }
    }
    commit_copies();
  }

  /// The next unit, which has been waited for.
  __device__ Unit<type> take() {
    const std::byte* codes = ring_ + taken_ * Ring::kUnitBytes;
    const std::byte* high = codes + Ring::kParts.codes;
    const std::byte* scales = high + Ring::kParts.high;
    taken_ = next(taken_);
    Unit<type> unit;
    unit.load(UnitPlace<SharedMemory>{codes, high, scales, scales + Ring::kParts.scales, lane_});
    return unit;
  }

 private:
  __device__ static int next(int stage) { return stage + 1 == Ring::kStages ? 0 : stage + 1; }
  const Products& all_;
  std::byte* ring_;
  int begin_;
  int end_;
  int block_ = static_cast<int>(blockIdx.x);  // of the next copy
  int unit_;
  int copied_ = 0;  // stages
  int taken_ = 0;
  int lane_;
};

/// One token. A block goes from tile to tile; its weights do not wait for the kernel in front.
template <DType type>
__global__ __launch_bounds__(kSegments* kWarp, 2) void decode_one(const __grid_constant__ Products all) {
  using Ring = UnitRing<type>;
  LL_DYNAMIC_SHARED(uint4, shared);
  __shared__ float sums[2][kSegments][kTileRows];
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int quarter = lane % 4;
  const int segment = static_cast<int>(threadIdx.x) / kWarp;
  const PackedX& packed = all.p[0].packed;  // all products have the same x
  const int n_units = all.p[0].w.n_steps;
  const int per_segment = segment_units(n_units);
  const int begin = segment * per_segment;
  const int end = min(begin + per_segment, n_units);
  std::byte* ring = reinterpret_cast<std::byte*>(shared) + segment * Ring::kStages * Ring::kUnitBytes;
  UnitStream<type> stream(all, ring, begin, end, lane);
  for (int i = 0; i < Ring::kStages - 1; ++i) {
    stream.copy_next();
  }
  wait_for_inputs();
  const std::int64_t x_unit = static_cast<std::int64_t>(blockIdx.z * all.p[0].x_step) * packed.n_steps;
  const int own = lane / 4 / 2 + lane / 4 % 2 * 4;
  const auto* codes = static_cast<const uint2*>(packed.codes) + (own / 2 * kWarp + quarter) * 2 + own % 2;
  const auto* scales = reinterpret_cast<const float2*>(packed.scales) + quarter * kTokenTile;
  const auto x_of = [&](int unit) {
    const std::int64_t i = x_unit + unit;
    return XOfOne{codes[i * 4 * kWarp * 2], scales[i * kGroups * kTokenTile],
                  scales[i * kGroups * kTokenTile + 4 * kTokenTile]};
  };
  XOfOne next_x{};
  if (begin < end) {
    next_x = x_of(begin);
  }
  int turn = 0;
  for (int block = static_cast<int>(blockIdx.x); block < all.end[all.n - 1]; block += static_cast<int>(gridDim.x)) {
    float acc[2] = {};
    for (int unit = begin; unit < end; ++unit) {
      wait_copies<Ring::kStages - 2>();
      __syncwarp();
      stream.copy_next();
      const XOfOne x = next_x;
      next_x = x_of(unit + 1 < end ? unit + 1 : begin);
      add_unit<type>(acc, stream.take(), x, own, quarter);
    }
    if (quarter == 0) {
      sums[turn][segment][lane / 4] = acc[0];
      sums[turn][segment][lane / 4 + 8] = acc[1];
    }
    __syncthreads();
    if (threadIdx.x < kTileRows) {
      const TilePlace place(all, block);
      float sum = 0;
      for (int s = 0; s < kSegments && s * per_segment < n_units; ++s) {
        sum = __fadd_rn(sum, sums[turn][s][threadIdx.x]);
      }
      store_output(*place.p, place.product, 0, place.tile * kTileRows + static_cast<int>(threadIdx.x), sum);
    }
    turn ^= 1;
  }
}

/// Blocks of decode_one that a multiprocessor holds, at most 2.
template <DType type>
int blocks_of_one() {
  constexpr int kOther = 2 * 1024;  // the sums, and what the driver keeps
  const int all = device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  return std::clamp(all / (static_cast<int>(UnitRing<type>::kBytes) + kOther), 1, 2);
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
      w[r].load(unit_of<type>(p.w, min(tile + r, end_tile - 1), unit, lane));
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
      w[0].load(unit_of<type>(p.w, tile, unit, lane));
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
    constexpr std::size_t kShared = UnitRing<type>::kBytes;
    LL_TRY(allow_shared("linear_q8 one", decode_one<type>, kShared));
    const int blocks = std::min(products.end[products.n - 1], blocks_of_one<type>() * multiprocessors());
    return launch("linear_q8 one", decode_one<type>,
                  {dim3(static_cast<unsigned int>(blocks), 1, batch), kSegments * kWarp, kShared}, stream, products);
  }
  const int x_tiles = (rows + kTokenTile - 1) / kTokenTile;
  return x_tiles == 1   ? run(decode<type, 1, 1>, 1, 1)
         : x_tiles == 2 ? run(decode<type, 1, 2>, 1, 2)
                        : run(decode<type, 2, 4>, 2, 4);
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
