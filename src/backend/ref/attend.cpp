// The reference attend. A query walks the keys in pieces of kKvBlock positions (the KV blocks), first to last, with a
// running maximum m, denominator l and sum acc (Milakov and Gimelshein, "Online normalizer calculation for softmax",
// 2018):
//   s[j] = cap(scale * (q . k[j])), chains over head_dim in order, for the keys j of the piece that the query sees
//   m' = max(m, s...), c = exp(m - m'), p[j] = exp(s[j] - m')
//   l = l * c + (p[first] + ... + p[last]),  acc[d] = acc[d] * c, then += p[j] * v[j][d] for j first to last
// and at the end att[d] = acc[d] / l. Before the first piece m = -inf and l = acc = 0, so that c = 0; with a sink m is
// its logit and l = 1.
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

struct Running {
  float max = -std::numeric_limits<float>::infinity();
  float sum = 0;
};

/// A piece of k and of v, and room for one row of either as floats.
struct Piece {
  KvType type;
  const std::byte* k;
  const std::byte* v;
  float* row;  // [head_dim]
};

/// Merges keys [begin, end) of one piece; acc is [head_dim].
void merge_piece(const AttendOp& op, const float* q, const Piece& piece, Range keys, Running& run, float* acc) {
  float s[kKvBlock];
  float max = run.max;
  for (int j = keys.begin; j < keys.end; ++j) {
    load_kv(piece.type, piece.k, op.head_dim, j, piece.row);
    s[j] = op.scale * dot(q, piece.row, op.head_dim);
    if (op.softcap > 0) {
      s[j] = op.softcap * std::tanh(s[j] / op.softcap);
    }
    max = std::max(max, s[j]);
  }
  const float correction = std::exp(run.max - max);
  float sum = 0;
  for (int j = keys.begin; j < keys.end; ++j) {
    s[j] = std::exp(s[j] - max);
    sum += s[j];
  }
  run.sum = run.sum * correction + sum;
  run.max = max;
  for (int d = 0; d < op.head_dim; ++d) {
    acc[d] *= correction;
  }
  for (int j = keys.begin; j < keys.end; ++j) {
    load_kv(piece.type, piece.v, op.head_dim, j, piece.row);
    for (int d = 0; d < op.head_dim; ++d) {
      acc[d] += s[j] * piece.row[d];
    }
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
  float* acc = work.slot(Slot::att) + out_at;
  std::fill_n(acc, op.head_dim, 0.0F);
  Running run;
  if (const float* sinks = work.vector(op.sinks)) {
    run = {.max = sinks[head], .sum = 1};
  }
  LL_CHECK(static_cast<std::size_t>(op.head_dim) * sizeof(float) <= work.scratch.size(), "a head exceeds scratch");
  auto* row = reinterpret_cast<float*>(work.scratch.data());
  const std::int64_t piece_bytes = kv_piece_bytes(work.kv_type, op.head_dim);
  for (int block = first / kKvBlock; block <= position / kKvBlock; ++block) {
    const int base = block * kKvBlock;
    const std::int64_t at = (std::int64_t{blocks[block]} * op.n_kv_heads + kv_head) * piece_bytes;
    const Range keys{std::max(first - base, 0), std::min(position - base + 1, kKvBlock)};
    merge_piece(op, q, {work.kv_type, kv.k + at, kv.v + at, row}, keys, run, acc);
  }
  for (int d = 0; d < op.head_dim; ++d) {
    acc[d] /= run.sum;
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
