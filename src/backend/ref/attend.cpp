// The reference attend. A query walks the keys in spans of kKvSpan positions, and in each span in pieces of kKvBlock
// positions (the KV blocks), first to last, with a running maximum m, denominator l and sum acc (Milakov and
// Gimelshein, "Online normalizer calculation for softmax", 2018):
//   s[j] = cap(scale * (q . k[j])), chains over head_dim in order, for the keys j of the piece that the query sees
//   m' = max(m, s...), c = exp(m - m'), p[j] = exp(s[j] - m')
//   l = l * c + (p[first] + ... + p[last]),  acc[d] = acc[d] * c, then += p[j] * v[j][d] for j first to last
// A span begins with m = -inf and l = acc = 0, so that c = 0. Spans are merged in the same way, first to last:
//   M' = max(M, m), L = L * exp(M - M') + l * exp(m - M'), likewise the sums
// from M = -inf and L = 0, or with a sink from its logit and L = 1; att[d] is the merged acc[d] / L.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "backend/ref/kv.h"
#include "backend/ref/ops.h"
#include "base/check.h"

namespace llorch::ref {
namespace {

/// The sequence that token t belongs to.
int sequence_of(const Batch& batch, int t) {
  const auto next = std::upper_bound(batch.seq_starts.begin(), batch.seq_starts.end(), t);
  return static_cast<int>(next - batch.seq_starts.begin()) - 1;
}

float dot(const float* a, const float* b, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

/// A softmax so far: the largest score, the sum of its weights, and of the values that they weigh.
struct Running {
  float max = -std::numeric_limits<float>::infinity();
  float sum = 0;
  float* acc = nullptr;  // [head_dim]
};

/// A piece of k and of v, and room for one row of either as floats.
struct Piece {
  KvType type;
  const std::byte* k;
  const std::byte* v;
  bool v_is_k;
  float* row;  // [head_dim]
};

/// What a sum shrinks by when the largest score goes from `before` to `now`; from -inf to -inf it stays.
float shrunk(float before, float now) {
  return before == now ? 1.0F : std::exp(before - now);
}

/// Merges keys [begin, end) of one piece.
void merge_piece(const AttendOp& op, const float* q, const Piece& piece, Range keys, Running& run) {
  float s[kKvBlock];
  float max = run.max;
  for (int j = keys.begin; j < keys.end; ++j) {
    load_key(piece.type, piece.k, op.head_dim, j, piece.row);
    s[j] = op.scale * dot(q, piece.row, op.head_dim);
    if (op.softcap > 0) {
      s[j] = op.softcap * std::tanh(s[j] / op.softcap);
    }
    max = std::max(max, s[j]);
  }
  const float correction = shrunk(run.max, max);
  float sum = 0;
  for (int j = keys.begin; j < keys.end; ++j) {
    s[j] = std::exp(s[j] - max);
    sum += s[j];
  }
  run.sum = run.sum * correction + sum;
  run.max = max;
  for (int d = 0; d < op.head_dim; ++d) {
    run.acc[d] *= correction;
  }
  for (int j = keys.begin; j < keys.end; ++j) {
    (piece.v_is_k ? load_key : load_value)(piece.type, piece.v, op.head_dim, j, piece.row);
    for (int d = 0; d < op.head_dim; ++d) {
      run.acc[d] += s[j] * piece.row[d];
    }
  }
}

void merge_span(const Running& span, int head_dim, Running& run) {
  const float max = std::max(run.max, span.max);
  const float keep = shrunk(run.max, max);
  const float take = shrunk(span.max, max);
  run.max = max;
  run.sum = run.sum * keep + span.sum * take;
  for (int d = 0; d < head_dim; ++d) {
    run.acc[d] = run.acc[d] * keep + span.acc[d] * take;
  }
}

void attend_one(const AttendOp& op, const KvLayer& kv, const Work& work, int t, int head) {
  const Batch& batch = *work.batch;
  const KvGroup& group = batch.kv[static_cast<std::size_t>(op.kv_group)];
  const std::int32_t* blocks =
      group.block_table.data() + static_cast<std::ptrdiff_t>(sequence_of(batch, t)) * group.max_blocks;
  const int position = batch.positions[static_cast<std::size_t>(t)];
  const int first = op.window > 0 ? std::max(0, position - op.window + 1) : 0;
  const int kv_head = head / (op.n_heads / op.n_kv_heads);
  const auto out_at = (static_cast<std::ptrdiff_t>(t) * op.n_heads + head) * op.head_dim;
  const float* q = work.slot(Slot::q) + out_at;
  const auto n = static_cast<std::size_t>(op.head_dim);
  LL_CHECK(2 * n * sizeof(float) <= work.scratch.size(), "a head exceeds scratch");
  auto* row = reinterpret_cast<float*>(work.scratch.data());
  Running run{.acc = work.slot(Slot::att) + out_at};
  std::fill_n(run.acc, n, 0.0F);
  if (const float* sinks = work.vector(op.sinks)) {
    run.max = sinks[head];
    run.sum = 1;
  }
  const std::int64_t piece_bytes = kv_piece_bytes(work.kv_type, op.head_dim);
  for (int begin = first; begin <= position;) {
    const int end = std::min(position, begin / kKvSpan * kKvSpan + kKvSpan - 1) + 1;
    Running span{.acc = row + n};
    std::fill_n(span.acc, n, 0.0F);
    for (int block = begin / kKvBlock; block <= (end - 1) / kKvBlock; ++block) {
      const int base = block * kKvBlock;
      const std::int64_t at = kv_piece_index(kv.n_blocks, op.n_kv_heads, blocks[block], kv_head) * piece_bytes;
      const Range keys{std::max(begin - base, 0), std::min(end - base, kKvBlock)};
      merge_piece(op, q, {work.kv_type, kv.k + at, kv.v + at, kv.k == kv.v, row}, keys, span);
    }
    merge_span(span, op.head_dim, run);
    begin = end;
  }
  for (int d = 0; d < op.head_dim; ++d) {
    run.acc[d] /= run.sum;
  }
}

}  // namespace

void attend(const AttendOp& op, int layer, const Work& work) {
  const KvLayer& kv = work.kv[static_cast<std::size_t>(layer)];
  const Range items = part_of(work.batch->n_tokens() * op.n_heads, work.thread, work.n_threads);
  for (int item = items.begin; item < items.end; ++item) {
    attend_one(op, kv, work, item / op.n_heads, item % op.n_heads);
  }
}

}  // namespace llorch::ref
