// The picks of all tokens are sorted by expert, so that an expert's matrices are read once for all its tokens. A row of
// a product depends on its token alone, and a token adds up its experts in the order of its picks: what else is in the
// batch changes no bit.
#include "backend/cpu/experts.h"

#include <algorithm>
#include <cstdint>

#include "backend/cpu/walk.h"

namespace llorch::cpu {
namespace {

/// Rows: the picks of the batch, sorted by expert, then by token. Lives in Slot::order.
struct Rows {
  Rows(const ExpertsOp& op, const Work& work)
      : n(work.batch->n_tokens() * op.n_used),
        token(reinterpret_cast<std::int32_t*>(work.slot(Slot::order))),
        expert(token + n),
        row_of(expert + n) {}

  /// One past the last row of the expert that row `begin` is of.
  int end_of(int begin) const {
    return static_cast<int>(std::upper_bound(expert + begin, expert + n, expert[begin]) - expert);
  }

  int n;
  std::int32_t* token;   // [n]
  std::int32_t* expert;  // [n]
  std::int32_t* row_of;  // [n] the row of token t's pick j, at t * n_used + j
};

const float* picks_of(const ExpertsOp& op, const Work& work, int token) {
  return work.slot(Slot::picks) + static_cast<std::ptrdiff_t>(token) * 2 * op.n_used;
}

void sort_rows(const ExpertsOp& op, const Work& work, const Rows& rows) {
  for (int i = 0; i < rows.n; ++i) {
    rows.token[i] = i;  // t * n_used + j for now
  }
  const auto expert_of = [&](std::int32_t pick) {
    return static_cast<std::int32_t>(picks_of(op, work, pick / op.n_used)[pick % op.n_used]);
  };
  std::sort(rows.token, rows.token + rows.n, [&](std::int32_t a, std::int32_t b) {
    return expert_of(a) != expert_of(b) ? expert_of(a) < expert_of(b) : a < b;
  });
  for (int row = 0; row < rows.n; ++row) {
    const std::int32_t pick = rows.token[row];
    rows.row_of[pick] = row;
    rows.expert[row] = expert_of(pick);
    rows.token[row] = pick / op.n_used;
  }
}

/// The product of one expert for rows [begin, end): y[row] = W_e x[x_rows[row]], or of x[row] without x_rows.
void expert_matmul(const OpTable& table, const ExpertsOp::Part& part, const Work& work, const Rows& rows, Range range,
                   const float* x, bool by_token, float* y, bool x_is_ready = false) {
  const MatrixView& all = work.matrix(part.weight);
  const std::int64_t expert = rows.expert[range.begin];
  MatrixView w = all;
  w.rows = part.rows;
  const std::int64_t row = part.begin + expert * part.step;
  w.data += row * all.row_bytes;
  const float* bias = work.vector(part.bias);
  const Matmul mm{.w = &w,
                  .packed = work.packed(part.weight, row),
                  .x = by_token ? x : x + range.begin * all.cols,
                  .x_rows = by_token ? rows.token + range.begin : nullptr,
                  .x_is_ready = x_is_ready,
                  .m = range.end - range.begin,
                  .y = y + static_cast<std::ptrdiff_t>(range.begin) * part.rows,
                  .bias = bias == nullptr ? nullptr : bias + expert * part.rows};
  run_matmul(table, mm, work);
  work.team->barrier();  // the next product's 8-bit rows may take the place of this one's
}

void add_up(const ExpertsOp& op, const Work& work, const Rows& rows) {
  const int dim = op.down.rows;
  const Range mine = part_of(work.batch->n_tokens(), work.thread, work.n_threads);
  for (int t = mine.begin; t < mine.end; ++t) {
    float* out = work.slot(op.out) + static_cast<std::ptrdiff_t>(t) * dim;
    const float* weights = picks_of(op, work, t) + op.n_used;
    for (int d = 0; d < dim; ++d) {
      float sum = 0;
      for (int j = 0; j < op.n_used; ++j) {
        const std::ptrdiff_t row = rows.row_of[t * op.n_used + j];
        sum += weights[j] * work.slot(Slot::down)[row * dim + d];
      }
      out[d] += op.scale * sum;
    }
  }
}

}  // namespace

void run_experts(const OpTable& table, const ExpertsOp& op, const Work& work) {
  const Rows rows(op, work);
  if (work.thread == 0) {
    sort_rows(op, work, rows);
  }
  work.team->barrier();
  float* gate = work.slot(Slot::gate);  // [rows, ff_dim]
  float* up = work.slot(Slot::up);      // [rows, ff_dim]
  const bool shared_x = share_rows8(work, op.gate.weight, op.up.weight);
  for (int begin = 0; begin < rows.n; begin = rows.end_of(begin)) {
    const Range range{begin, rows.end_of(begin)};
    expert_matmul(table, op.gate, work, rows, range, work.slot(op.in), true, gate);
    expert_matmul(table, op.up, work, rows, range, work.slot(op.in), true, up, shared_x);
  }
  table.gate(op.act, gate, up, std::int64_t{rows.n} * op.gate.rows, work);
  work.team->barrier();
  for (int begin = 0; begin < rows.n; begin = rows.end_of(begin)) {
    expert_matmul(table, op.down, work, rows, {begin, rows.end_of(begin)}, gate, false, work.slot(Slot::down));
  }
  add_up(op, work, rows);
}

}  // namespace llorch::cpu
