// Attention on the tensor cores over an F16 cache: a warp 16 queries (tokens times the heads that share a KV head),
// keys in pieces of kKvBlock with an online softmax. After kAttendSplit keys, at multiples of it, the sums are merged
// into the total and begin anew: in registers when there are queries enough to fill the device, else in blocks of their
// own and by a second kernel. Both do the same arithmetic in the same order for a query, whatever shares its tile.
//
// Logits are kept times log2(e), so that exp is exp2.
#include <cuda_fp16.h>

#include <cmath>

#include "backend/batch.h"
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"

namespace llorch::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kWarpRows = 16;
constexpr int kWarps = kAttendRows / kWarpRows;
constexpr int kPad = 8;  // halves after each row in shared memory, so that 8 rows lie in different banks
constexpr float kLog2E = 1.4426950408889634F;
constexpr unsigned int kAll = 0xFFFFFFFFU;

__device__ inline unsigned int shared_address(const void* at) {
  return static_cast<unsigned int>(__cvta_generic_to_shared(at));
}

__device__ inline void load_matrices(std::uint32_t (&r)[4], const __half* at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(at)));
}
__device__ inline void load_transposed(std::uint32_t (&r)[4], const __half* at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(at)));
}
__device__ inline void mma_f16(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// 16 bytes, zeros when not `there`.
__device__ inline void copy_async(__half* to, const __half* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(there ? 16 : 0));
}
__device__ inline std::uint32_t two_halves(float a, float b) {
  const __half2 two = __floats2half2_rn(a, b);
  return *reinterpret_cast<const std::uint32_t*>(&two);
}

/// Maximum and denominator of a query's softmax.
struct Softmax {
  float max = -INFINITY;
  float sum = 0;
};

/// What a total and a piece are multiplied with when they are merged; `total` becomes the merged one.
struct Merge {
  __device__ Merge(Softmax& total, const Softmax& piece) {
    const float max = fmaxf(total.max, piece.max);
    old = exp2f(total.max - max);
    now = exp2f(piece.max - max);
    total.sum = __fmaf_rn(total.sum, old, __fmul_rn(piece.sum, now));
    total.max = max;
  }
  __device__ float operator()(float total, float piece) const { return __fmaf_rn(total, old, __fmul_rn(piece, now)); }
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
  int first = 0;  // key that it sees
};

template <int dims>
struct Tile {
  static constexpr int kRow = dims + kPad;
  static constexpr int kPieceHalves = 2 * kKvBlock * kRow;  // keys and values of a piece
  static constexpr std::size_t kBytes = (kAttendRows * kRow + 2 * kPieceHalves) * sizeof(__half);

  const AttendArgs& p;
  __half* shared;
  AttendTile tile;
  int kv_head;
  int kv_len;
  int lane, warp;

  __device__ __half* queries() const { return shared; }
  __device__ __half* keys(int piece) const { return shared + kAttendRows * kRow + piece % 2 * kPieceHalves; }
  __device__ __half* values(int piece) const { return keys(piece) + kKvBlock * kRow; }

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

  __device__ void load_queries() const {
    for (int i = static_cast<int>(threadIdx.x); i < kAttendRows * dims; i += static_cast<int>(blockDim.x)) {
      const int d = i % dims;
      const Query q = query(i / dims);
      const bool there = q.token >= 0 && d < p.head_dim;
      const float value = there ? p.q[(std::int64_t{q.token} * p.n_heads + q.head) * p.head_dim + d] * p.scale : 0.0F;
      queries()[i / dims * kRow + d] = __float2half_rn(value);
    }
  }

  __device__ void copy_piece(int piece) const {
    const std::int64_t block = p.block_table[std::int64_t{tile.sequence} * p.max_blocks + piece];
    const std::int64_t at = (block * p.n_kv_heads + kv_head) * kKvBlock * p.head_dim;
    const auto* k = static_cast<const __half*>(p.k_cache) + at;
    const auto* v = static_cast<const __half*>(p.v_cache) + at;
    constexpr int kVectors = dims / 8;
    for (int i = static_cast<int>(threadIdx.x); i < kKvBlock * kVectors; i += static_cast<int>(blockDim.x)) {
      const int key = i / kVectors;
      const int d = i % kVectors * 8;
      const bool there = d < p.head_dim && piece * kKvBlock + key < kv_len;
      const int from = there ? key * p.head_dim + d : 0;
      copy_async(keys(piece) + key * kRow + d, k + from, there);
      copy_async(values(piece) + key * kRow + d, v + from, there);
    }
    asm volatile("cp.async.commit_group;");
  }

  /// Merges one piece into acc: [dims / 8] tiles of 16 queries by 8 channels.
  __device__ void multiply_piece(int piece, const Query (&q)[2], Softmax (&soft)[2], float (&acc)[dims / 8][4]) const {
    float s[4][4] = {};
    const __half* rows = queries() + (warp * kWarpRows + lane % 16) * kRow + lane / 16 * 8;
    const __half* k = keys(piece) + lane % 8 * kRow + lane / 8 * 8;
#pragma unroll
    for (int d = 0; d < dims; d += 32) {
      std::uint32_t a[2][4];
      load_matrices(a[0], rows + d);
      load_matrices(a[1], rows + d + 16);
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        std::uint32_t b[4];
        load_matrices(b, k + n * 8 * kRow + d);
        mma_f16(s[n], a[0], b[0], b[1]);
        mma_f16(s[n], a[1], b[2], b[3]);
      }
    }
    float largest[2] = {-INFINITY, -INFINITY};
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = piece * kKvBlock + n * 8 + lane % 4 * 2 + i % 2;
        const bool seen = key <= q[i / 2].position && key >= q[i / 2].first;
        const float logit = p.softcap > 0 ? p.softcap * tanhf(s[n][i] / p.softcap) : s[n][i];
        s[n][i] = seen ? logit * kLog2E : -INFINITY;
        largest[i / 2] = fmaxf(largest[i / 2], s[n][i]);
      }
    }
    float correction[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      largest[r] = fmaxf(largest[r], __shfl_xor_sync(kAll, largest[r], 1));
      largest[r] = fmaxf(largest[r], __shfl_xor_sync(kAll, largest[r], 2));
      const float max = fmaxf(soft[r].max, largest[r]);
      correction[r] = max == -INFINITY ? 1.0F : exp2f(soft[r].max - max);
      soft[r].max = max;
      soft[r].sum *= correction[r];
    }
    std::uint32_t weights[2][4];
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        s[n][i] = s[n][i] == -INFINITY ? 0.0F : exp2f(s[n][i] - soft[i / 2].max);
        soft[i / 2].sum += s[n][i];
      }
      weights[n / 2][n % 2 * 2] = two_halves(s[n][0], s[n][1]);
      weights[n / 2][n % 2 * 2 + 1] = two_halves(s[n][2], s[n][3]);
    }
#pragma unroll
    for (int n = 0; n < dims / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        acc[n][i] *= correction[i / 2];
      }
    }
    const __half* v = values(piece) + lane % 16 * kRow + lane / 16 * 8;
#pragma unroll
    for (int keys16 = 0; keys16 < 2; ++keys16) {
#pragma unroll
      for (int n = 0; n < dims / 8; n += 2) {
        std::uint32_t b[4];
        load_transposed(b, v + keys16 * 16 * kRow + n * 8);
        mma_f16(acc[n], weights[keys16], b[0], b[1]);
        mma_f16(acc[n + 1], weights[keys16], b[2], b[3]);
      }
    }
  }

  /// The sum of a query's softmax lies on four lanes.
  __device__ static void add_up(Softmax (&soft)[2]) {
#pragma unroll
    for (Softmax& s : soft) {
      s.sum += __shfl_xor_sync(kAll, s.sum, 1);
      s.sum += __shfl_xor_sync(kAll, s.sum, 2);
    }
  }
};

/// Pieces [begin, end) of the keys, all of one split, into soft and acc; shared memory holds the queries.
template <int dims>
__device__ void sum_pieces(const Tile<dims>& t, int begin, int end, const Query (&q)[2], Softmax (&soft)[2],
                           float (&acc)[dims / 8][4]) {
  t.copy_piece(begin);
  for (int piece = begin; piece < end; ++piece) {
    if (piece + 1 < end) {
      t.copy_piece(piece + 1);
      asm volatile("cp.async.wait_group 1;");
    } else {
      asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();
    t.multiply_piece(piece, q, soft, acc);
    __syncthreads();
  }
  Tile<dims>::add_up(soft);
}

constexpr int kPiecesOfSplit = kAttendSplit / kKvBlock;

template <int dims>
__device__ Tile<dims> make_tile(const AttendArgs& p, __half* shared, int index, int kv_head) {
  const AttendTile tile = p.tiles[index];
  return {.p = p,
          .shared = shared,
          .tile = tile,
          .kv_head = kv_head,
          .kv_len = p.kv_lens[tile.sequence],
          .lane = static_cast<int>(threadIdx.x) % kWarp,
          .warp = static_cast<int>(threadIdx.x) / kWarp};
}

/// Pieces that any query of the block sees.
template <int dims>
__device__ void pieces_of(const Tile<dims>& t, int& begin, int& end) {
  const int group = t.p.n_heads / t.p.n_kv_heads;
  const int n_rows = min(t.tile.n_tokens * group - t.tile.first_row, kAttendRows);
  begin = n_rows > 0 ? t.query(0).first / kKvBlock : 0;
  end = n_rows > 0 ? t.query(n_rows - 1).position / kKvBlock + 1 : 0;
}

/// A block a tile: the splits one after the other.
template <int dims>
__global__ __launch_bounds__(kWarps* kWarp) void attend_whole(AttendArgs p) {
  extern __shared__ __align__(16) __half shared[];
  const Tile<dims> t = make_tile<dims>(p, shared, static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y));
  int begin = 0;
  int end = 0;
  pieces_of(t, begin, end);
  if (begin >= end) {
    return;
  }
  t.load_queries();
  const Query q[2] = {t.query(t.warp * kWarpRows + t.lane / 4), t.query(t.warp * kWarpRows + t.lane / 4 + 8)};
  Softmax total[2] = {first_total(p, q[0].head), first_total(p, q[1].head)};
  float sums[dims / 8][4] = {};
  while (begin < end) {
    const int stop = min((begin / kPiecesOfSplit + 1) * kPiecesOfSplit, end);
    Softmax soft[2];
    float acc[dims / 8][4] = {};
    sum_pieces(t, begin, stop, q, soft, acc);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      if (soft[r].max != -INFINITY) {
        const Merge merge(total[r], soft[r]);
#pragma unroll
        for (int n = 0; n < dims / 8; ++n) {
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
      for (int n = 0; n < dims / 8; ++n) {
        const int d = n * 8 + t.lane % 4 * 2;
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
__global__ __launch_bounds__(kWarps* kWarp) void attend_split(AttendArgs p) {
  extern __shared__ __align__(16) __half shared[];
  const Tile<dims> t = make_tile<dims>(p, shared, static_cast<int>(blockIdx.z), static_cast<int>(blockIdx.y));
  const auto split = static_cast<int>(blockIdx.x);
  int begin = 0;
  int end = 0;
  pieces_of(t, begin, end);
  begin = max(begin, split * kPiecesOfSplit);
  end = min(end, (split + 1) * kPiecesOfSplit);
  if (begin >= end) {
    return;
  }
  t.load_queries();
  const Query q[2] = {t.query(t.warp * kWarpRows + t.lane / 4), t.query(t.warp * kWarpRows + t.lane / 4 + 8)};
  Softmax soft[2];
  float acc[dims / 8][4] = {};
  sum_pieces(t, begin, end, q, soft, acc);
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    if (q[r].token >= 0) {
      float* out = partial_of(p, q[r], split);
      if (t.lane % 4 == 0) {
        out[0] = soft[r].max;
        out[1] = soft[r].sum;
      }
#pragma unroll
      for (int n = 0; n < dims / 8; ++n) {
        const int d = n * 8 + t.lane % 4 * 2;
        if (d < p.head_dim) {
          out[2 + d] = acc[n][2 * r];
          out[3 + d] = acc[n][2 * r + 1];
        }
      }
    }
  }
}

/// A block a token and head.
__global__ void merge_splits(AttendArgs p) {
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
Status allow_shared() {
  const auto bytes = static_cast<int>(Tile<dims>::kBytes);
  cudaError_t code = cudaFuncSetAttribute(attend_split<dims>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if constexpr (dims <= 128) {
    if (code == cudaSuccess) {
      code = cudaFuncSetAttribute(attend_whole<dims>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    }
  }
  return code == cudaSuccess
             ? Status()
             : Status(Error{ErrorCode::device, std::string("attend: shared memory: ") + cudaGetErrorString(code)});
}

template <int dims>
Status attend_of(const AttendArgs& args, cudaStream_t stream) {
  static const Status allowed = allow_shared<dims>();
  LL_TRY(allowed);
  constexpr std::size_t kBytes = Tile<dims>::kBytes;
  const auto kv_heads = static_cast<unsigned int>(args.n_kv_heads);
  const auto tiles = static_cast<unsigned int>(args.n_tiles);
  if constexpr (dims <= 128) {
    if (!args.split) {
      attend_whole<dims><<<dim3(tiles, kv_heads), kWarps * kWarp, kBytes, stream>>>(args);
      return launched("attend_whole");
    }
  }
  attend_split<dims>
      <<<dim3(static_cast<unsigned int>(args.n_splits), kv_heads, tiles), kWarps * kWarp, kBytes, stream>>>(args);
  LL_TRY(launched("attend_split"));
  const dim3 grid(static_cast<unsigned int>(args.n_heads), static_cast<unsigned int>(args.n_tokens));
  merge_splits<<<grid, dims <= 128 ? 128 : 256, 0, stream>>>(args);
  return launched("merge_splits");
}

}  // namespace

bool attend_has_tiles(int head_dim, KvType kv_type, bool v_is_k) {
  return kv_type == KvType::f16 && !v_is_k && head_dim % 8 == 0 && head_dim <= 256;
}

bool attend_must_split(int head_dim) {
  return head_dim > 128;
}

Status attend_tiles(const AttendArgs& args, Stream stream) {
  const auto s = native(stream);
  return args.head_dim <= 64    ? attend_of<64>(args, s)
         : args.head_dim <= 128 ? attend_of<128>(args, s)
                                : attend_of<256>(args, s);
}

}  // namespace llorch::cuda
