// Attention on the tensor cores over an F16 cache: a warp 16 queries (tokens times the heads that share a KV head),
// keys in pieces of kPieceKeys with an online softmax. After kAttendSplit keys, at multiples of it, the sums are merged
// into the total and begin anew: in registers when there are queries enough to fill the device, else in blocks of their
// own and by a second kernel. Both do the same arithmetic in the same order for a query, whatever shares its tile.
//
// Heads of more than 128 channels are shared by warps, each with the sums of 128 channels. Logits are kept times
// log2(e), so that exp is exp2.
#include <cuda_fp16.h>

#include <cmath>

#include "backend/batch.h"
#include "backend/cuda/kernels/device.cuh"
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"

namespace llorch::cuda {
namespace {

constexpr int kPieceKeys = 2 * kKvBlock;
constexpr int kPiecesOfSplit = kAttendSplit / kPieceKeys;
constexpr int kWarpRows = 16;
constexpr int kRowWarps = kAttendRows / kWarpRows;
constexpr int kPad = 8;  // halves after each row in shared memory, so that 8 rows lie in different banks
constexpr float kLog2E = 1.4426950408889634F;

__device__ inline std::uint32_t two_halves(float a, float b) {
  const __half2 two = __floats2half2_rn(a, b);
  return *reinterpret_cast<const std::uint32_t*>(&two);
}

/// Maximum and denominator of a query's softmax.
struct Softmax {
  float max = -INFINITY;
  float sum = 0;
};

/// What a total and a split are multiplied with when they are merged; `total` becomes the merged one.
struct Merge {
  __device__ Merge(Softmax& total, const Softmax& split) {
    const float max = fmaxf(total.max, split.max);
    old = power_of_2(total.max - max);
    now = power_of_2(split.max - max);
    total.sum = __fmaf_rn(total.sum, old, __fmul_rn(split.sum, now));
    total.max = max;
  }
  __device__ float operator()(float total, float split) const { return __fmaf_rn(total, old, __fmul_rn(split, now)); }
  float old, now;
};

__device__ inline Softmax first_total(const AttendArgs& p, int head) {
  return p.sinks == nullptr ? Softmax() : Softmax{p.sinks[head] * kLog2E, 1.0F};
}

__device__ inline int first_key(const AttendArgs& p, int position) {
  return p.window > 0 ? max(0, position - p.window + 1) : 0;
}

/// One of the two queries of a lane.
struct Query {
  int token = -1;  // -1: none
  int head = 0;
  int position = -1;
  int first = 0x7FFFFFFF;  // key that it sees
};

template <int dims>
struct Tile {
  static constexpr int kOut = dims < 128 ? dims : 128;  // channels whose sums a warp has
  static constexpr int kThreads = kRowWarps * (dims / kOut) * kWarp;
  static constexpr int kRow = dims + kPad;
  static constexpr int kPieceHalves = 2 * kPieceKeys * kRow;  // keys and values of a piece
  static constexpr std::size_t kBytes = (kAttendRows * kRow + 2 * kPieceHalves) * sizeof(__half);

  const AttendArgs& p;
  __half* shared;
  AttendTile tile;
  int kv_head;
  int kv_len;
  int first_seen;  // key, by any query
  int lane, row_warp, first_channel;
  bool has_queries;  // this warp

  __device__ __half* queries() const { return shared; }
  __device__ __half* keys(int piece) const { return shared + kAttendRows * kRow + piece % 2 * kPieceHalves; }
  __device__ __half* values(int piece) const { return keys(piece) + kPieceKeys * kRow; }

  __device__ Query query(int row) const {
    const int group = p.n_heads / p.n_kv_heads;
    const int r = tile.first_row + row;
    Query q;
    if (r < tile.n_tokens * group) {
      q.token = tile.first_token + r / group;
      q.head = kv_head * group + r % group;
      q.position = p.positions[q.token];
      q.first = first_key(p, q.position);
    }
    return q;
  }

  /// Queries are scaled, and without a cap taken to log2, as they are rounded. Some threads a row, 8 channels at a
  /// time.
  __device__ void load_queries() const {
    constexpr int kEach = kThreads / kAttendRows;
    const int row = static_cast<int>(threadIdx.x) / kEach;
    const Query q = query(row);
    const float scale = p.softcap > 0 ? p.scale : p.scale * kLog2E;
    const float* from = p.q + (std::int64_t{max(q.token, 0)} * p.n_heads + q.head) * p.head_dim;
#pragma unroll
    for (int d = static_cast<int>(threadIdx.x) % kEach * 8; d < dims; d += kEach * 8) {
      float4 low{};
      float4 high{};
      if (q.token >= 0 && d < p.head_dim) {
        low = *reinterpret_cast<const float4*>(from + d);
        high = *reinterpret_cast<const float4*>(from + d + 4);
      }
      const uint4 halves =
          make_uint4(two_halves(low.x * scale, low.y * scale), two_halves(low.z * scale, low.w * scale),
                     two_halves(high.x * scale, high.y * scale), two_halves(high.z * scale, high.w * scale));
      *reinterpret_cast<uint4*>(queries() + row * kRow + d) = halves;
    }
  }

  __device__ void copy_piece(int piece) const {
    constexpr int kVectors = dims / 8;
    const std::int32_t* table = p.block_table + std::int64_t{tile.sequence} * p.max_blocks;
    for (int i = static_cast<int>(threadIdx.x); i < kPieceKeys * kVectors; i += kThreads) {
      const int key = i / kVectors;
      const int d = i % kVectors * 8;
      const int position = piece * kPieceKeys + key;
      const bool there = d < p.head_dim && position >= first_seen && position < kv_len;
      std::int64_t from = 0;
      if (there) {
        const std::int64_t block = table[position / kKvBlock];
        from = ((block * p.n_kv_heads + kv_head) * kKvBlock + key % kKvBlock) * p.head_dim + d;
      }
      copy_async(keys(piece) + key * kRow + d, static_cast<const __half*>(p.k_cache) + from, there);
      copy_async(values(piece) + key * kRow + d, static_cast<const __half*>(p.v_cache) + from, there);
    }
    commit_copies();
  }

  /// Logits of a piece: [8 tiles of 8 keys].
  __device__ void multiply_keys(int piece, float (&s)[kPieceKeys / 8][4]) const {
    const __half* rows = queries() + (row_warp * kWarpRows + lane % 16) * kRow + lane / 16 * 8;
    const __half* k = keys(piece) + lane % 8 * kRow + lane / 8 * 8;
#pragma unroll
    for (int d = 0; d < dims; d += 32) {
      std::uint32_t a[2][4];
      load_matrices(a[0], rows + d);
      load_matrices(a[1], rows + d + 16);
#pragma unroll
      for (int n = 0; n < kPieceKeys / 8; ++n) {
        std::uint32_t b[4];
        load_matrices(b, k + n * 8 * kRow + d);
        mma_float<false>(s[n], a[0], b[0], b[1]);
        mma_float<false>(s[n], a[1], b[2], b[3]);
      }
    }
  }

  /// Caps logits, and hides the keys that a query does not see.
  __device__ void cap_and_hide(int piece, const Query (&q)[2], float (&s)[kPieceKeys / 8][4]) const {
    if (p.softcap > 0) {
#pragma unroll
      for (int n = 0; n < kPieceKeys / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          s[n][i] = __fmul_rn(__fmul_rn(p.softcap, tanhf(__fdiv_rn(s[n][i], p.softcap))), kLog2E);
        }
      }
    }
    const int first = piece * kPieceKeys;
    const bool all = first >= q[0].first && first >= q[1].first && first + kPieceKeys - 1 <= q[0].position &&
                     first + kPieceKeys - 1 <= q[1].position;
    if (__all_sync(kAllLanes, all)) {
      return;
    }
#pragma unroll
    for (int n = 0; n < kPieceKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = first + n * 8 + lane % 4 * 2 + i % 2;
        s[n][i] = key <= q[i / 2].position && key >= q[i / 2].first ? s[n][i] : -INFINITY;
      }
    }
  }

  /// Merges one piece into acc: [kOut / 8] tiles of 16 queries by 8 channels.
  __device__ void multiply_piece(int piece, const Query (&q)[2], Softmax (&soft)[2], float (&acc)[kOut / 8][4]) const {
    float s[kPieceKeys / 8][4] = {};
    multiply_keys(piece, s);
    cap_and_hide(piece, q, s);
    float largest[2] = {-INFINITY, -INFINITY};
#pragma unroll
    for (int n = 0; n < kPieceKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        largest[i / 2] = fmaxf(largest[i / 2], s[n][i]);
      }
    }
    float correction[2];
    float base[2];  // what is taken from a logit: never -infinity
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      largest[r] = fmaxf(largest[r], __shfl_xor_sync(kAllLanes, largest[r], 1));
      largest[r] = fmaxf(largest[r], __shfl_xor_sync(kAllLanes, largest[r], 2));
      const float max = fmaxf(soft[r].max, largest[r]);
      base[r] = max == -INFINITY ? 0.0F : max;
      correction[r] = max == -INFINITY ? 1.0F : power_of_2(soft[r].max - max);
      soft[r].max = max;
      soft[r].sum = __fmul_rn(soft[r].sum, correction[r]);
    }
    std::uint32_t weights[kPieceKeys / 16][4];
#pragma unroll
    for (int n = 0; n < kPieceKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        s[n][i] = power_of_2(__fsub_rn(s[n][i], base[i / 2]));
        soft[i / 2].sum = __fadd_rn(soft[i / 2].sum, s[n][i]);
      }
      weights[n / 2][n % 2 * 2] = two_halves(s[n][0], s[n][1]);
      weights[n / 2][n % 2 * 2 + 1] = two_halves(s[n][2], s[n][3]);
    }
#pragma unroll
    for (int n = 0; n < kOut / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        acc[n][i] = __fmul_rn(acc[n][i], correction[i / 2]);
      }
    }
    const __half* v = values(piece) + lane % 16 * kRow + lane / 16 * 8 + first_channel;
#pragma unroll
    for (int keys16 = 0; keys16 < kPieceKeys / 16; ++keys16) {
#pragma unroll
      for (int n = 0; n < kOut / 8; n += 2) {
        std::uint32_t b[4];
        load_transposed(b, v + keys16 * 16 * kRow + n * 8);
        mma_float<false>(acc[n], weights[keys16], b[0], b[1]);
        mma_float<false>(acc[n + 1], weights[keys16], b[2], b[3]);
      }
    }
  }

  /// The sum of a query's softmax lies on four lanes.
  __device__ static void add_up(Softmax (&soft)[2]) {
#pragma unroll
    for (Softmax& s : soft) {
      s.sum += __shfl_xor_sync(kAllLanes, s.sum, 1);
      s.sum += __shfl_xor_sync(kAllLanes, s.sum, 2);
    }
  }

  /// Pieces [begin, end) of the keys, all of one split, into soft and acc; shared memory holds the queries.
  __device__ void sum_pieces(int begin, int end, const Query (&q)[2], Softmax (&soft)[2],
                             float (&acc)[kOut / 8][4]) const {
    copy_piece(begin);
    for (int piece = begin; piece < end; ++piece) {
      if (piece + 1 < end) {
        copy_piece(piece + 1);
        wait_copies<1>();
      } else {
        wait_copies<0>();
      }
      __syncthreads();
      if (has_queries) {
        multiply_piece(piece, q, soft, acc);
      }
      __syncthreads();
    }
    add_up(soft);
  }

  /// Pieces that any query of the block sees.
  __device__ void pieces_of(int& begin, int& end) const {
    const int group = p.n_heads / p.n_kv_heads;
    const int n_rows = min(tile.n_tokens * group - tile.first_row, kAttendRows);
    begin = n_rows > 0 ? query(0).first / kPieceKeys : 0;
    end = n_rows > 0 ? query(n_rows - 1).position / kPieceKeys + 1 : 0;
  }
};

template <int dims>
__device__ Tile<dims> make_tile(const AttendArgs& p, __half* shared, int index, int kv_head) {
  const AttendTile tile = p.tiles[index];
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  return {.p = p,
          .shared = shared,
          .tile = tile,
          .kv_head = kv_head,
          .kv_len = p.kv_lens[tile.sequence],
          .first_seen = first_key(p, p.positions[tile.first_token + tile.first_row / (p.n_heads / p.n_kv_heads)]),
          .lane = static_cast<int>(threadIdx.x) % kWarp,
          .row_warp = warp % kRowWarps,
          .first_channel = warp / kRowWarps * Tile<dims>::kOut,
          .has_queries = tile.first_row + warp % kRowWarps * kWarpRows < tile.n_tokens * (p.n_heads / p.n_kv_heads)};
}

/// A block a tile: the splits one after the other.
template <int dims>
__global__ __launch_bounds__(Tile<dims>::kThreads) void attend_whole(const __grid_constant__ AttendArgs p) {
  using T = Tile<dims>;
  LL_DYNAMIC_SHARED(__align__(16) __half, shared);
  wait_for_inputs();
  // The tiles at the end see the most keys: they go first.
  const T t = make_tile<dims>(p, shared, p.n_tiles - 1 - static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.x));
  int begin = 0;
  int end = 0;
  t.pieces_of(begin, end);
  if (begin >= end) {
    return;
  }
  t.load_queries();
  const Query q[2] = {t.query(t.row_warp * kWarpRows + t.lane / 4), t.query(t.row_warp * kWarpRows + t.lane / 4 + 8)};
  Softmax total[2] = {first_total(p, q[0].head), first_total(p, q[1].head)};
  float sums[T::kOut / 8][4] = {};
  while (begin < end) {
    const int stop = min((begin / kPiecesOfSplit + 1) * kPiecesOfSplit, end);
    Softmax soft[2];
    float acc[T::kOut / 8][4] = {};
    t.sum_pieces(begin, stop, q, soft, acc);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      if (soft[r].max != -INFINITY) {
        const Merge merge(total[r], soft[r]);
#pragma unroll
        for (int n = 0; n < T::kOut / 8; ++n) {
          sums[n][2 * r] = merge(sums[n][2 * r], acc[n][2 * r]);
          sums[n][2 * r + 1] = merge(sums[n][2 * r + 1], acc[n][2 * r + 1]);
        }
      }
    }
    begin = stop;
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    if (q[r].token >= 0) {
      float* out = p.out + (std::int64_t{q[r].token} * p.n_heads + q[r].head) * p.head_dim;
#pragma unroll
      for (int n = 0; n < T::kOut / 8; ++n) {
        const int d = t.first_channel + n * 8 + t.lane % 4 * 2;
        if (d < p.head_dim) {
          out[d] = __fdiv_rn(sums[n][2 * r], total[r].sum);
          out[d + 1] = __fdiv_rn(sums[n][2 * r + 1], total[r].sum);
        }
      }
    }
  }
}

__device__ inline float* partial_of(const AttendArgs& p, const Query& q, int split) {
  return p.partial + ((std::int64_t{q.token} * p.n_heads + q.head) * p.n_splits + split) * (p.head_dim + 2);
}

/// A block a tile and split.
template <int dims>
__global__ __launch_bounds__(Tile<dims>::kThreads) void attend_split(const __grid_constant__ AttendArgs p) {
  using T = Tile<dims>;
  LL_DYNAMIC_SHARED(__align__(16) __half, shared);
  wait_for_inputs();
  const T t = make_tile<dims>(p, shared, static_cast<int>(blockIdx.z), static_cast<int>(blockIdx.y));
  const auto split = static_cast<int>(blockIdx.x);
  int begin = 0;
  int end = 0;
  t.pieces_of(begin, end);
  begin = max(begin, split * kPiecesOfSplit);
  end = min(end, (split + 1) * kPiecesOfSplit);
  if (begin >= end) {
    return;
  }
  t.load_queries();
  const Query q[2] = {t.query(t.row_warp * kWarpRows + t.lane / 4), t.query(t.row_warp * kWarpRows + t.lane / 4 + 8)};
  Softmax soft[2];
  float acc[T::kOut / 8][4] = {};
  t.sum_pieces(begin, end, q, soft, acc);
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    if (q[r].token >= 0) {
      float* out = partial_of(p, q[r], split);
      if (t.lane % 4 == 0 && t.first_channel == 0) {
        out[0] = soft[r].max;
        out[1] = soft[r].sum;
      }
#pragma unroll
      for (int n = 0; n < T::kOut / 8; ++n) {
        const int d = t.first_channel + n * 8 + t.lane % 4 * 2;
        if (d < p.head_dim) {
          out[2 + d] = acc[n][2 * r];
          out[3 + d] = acc[n][2 * r + 1];
        }
      }
    }
  }
}

/// A block a token and head.
__global__ void merge_splits(const __grid_constant__ AttendArgs p) {
  wait_for_inputs();
  Query q;
  q.head = static_cast<int>(blockIdx.x);
  q.token = static_cast<int>(blockIdx.y);
  q.position = p.positions[q.token];
  const int first = first_key(p, q.position) / kAttendSplit;
  const int last = q.position / kAttendSplit;
  for (int d = static_cast<int>(threadIdx.x); d < p.head_dim; d += static_cast<int>(blockDim.x)) {
    Softmax total = first_total(p, q.head);
    float sum = 0;
    for (int split = first; split <= last; ++split) {
      const float* partial = partial_of(p, q, split);
      const Softmax soft{partial[0], partial[1]};
      if (soft.max != -INFINITY) {
        const Merge merge(total, soft);
        sum = merge(sum, partial[2 + d]);
      }
    }
    p.out[(std::int64_t{q.token} * p.n_heads + q.head) * p.head_dim + d] = __fdiv_rn(sum, total.sum);
  }
}

template <int dims>
Status allow_both() {
  LL_TRY(allow_shared("attend_split", attend_split<dims>, Tile<dims>::kBytes));
  return allow_shared("attend_whole", attend_whole<dims>, Tile<dims>::kBytes);
}

template <int dims>
Status attend_of(const AttendArgs& args, Stream stream) {
  using T = Tile<dims>;
  LL_TRY(allow_both<dims>());
  const auto kv_heads = static_cast<unsigned int>(args.n_kv_heads);
  const auto tiles = static_cast<unsigned int>(args.n_tiles);
  if (!args.split) {
    return launch("attend_whole", attend_whole<dims>, {dim3(kv_heads, tiles), T::kThreads, T::kBytes}, stream, args);
  }
  const dim3 grid(static_cast<unsigned int>(args.n_splits), kv_heads, tiles);
  LL_TRY(launch("attend_split", attend_split<dims>, {grid, T::kThreads, T::kBytes}, stream, args));
  const dim3 rows(static_cast<unsigned int>(args.n_heads), static_cast<unsigned int>(args.n_tokens));
  return launch("merge_splits", merge_splits, {rows, dims <= 128 ? 128 : 256}, stream, args);
}

}  // namespace

Status attend_tiles(const AttendArgs& args, Stream stream) {
  return args.head_dim <= 64    ? attend_of<64>(args, stream)
         : args.head_dim <= 128 ? attend_of<128>(args, stream)
                                : attend_of<256>(args, stream);
}

}  // namespace llorch::cuda
