// Sums of declared costs; cost.h says of what.
#include "cli/cost.h"

#include <algorithm>
#include <cstdint>
#include <variant>

namespace llorch::cli {

Result<Cost> run_cost(const Plan& plan, const WeightSource& weights, int first, int n, KvType kv_type, int sequences) {
  std::vector<std::int64_t> row_bytes;
  for (std::size_t id = 0; id < plan.weights.size(); ++id) {
    if (plan.weights[id].is_vector) {
      row_bytes.push_back(plan.weights[id].cols * static_cast<std::int64_t>(sizeof(float)));
    } else {
      LL_ASSIGN(const MatrixView matrix, weights.matrix(static_cast<WeightId>(id)));
      row_bytes.push_back(matrix.row_bytes);
    }
  }
  std::vector<std::int32_t> positions, seq_starts = {0}, kv_lens, output_rows;
  for (int i = 0; i < sequences; ++i) {
    for (int p = first; p < first + n; ++p) {
      positions.push_back(p);
    }
    seq_starts.push_back(static_cast<std::int32_t>(positions.size()));
    output_rows.push_back(seq_starts.back() - 1);
    kv_lens.push_back(first + n);
  }
  Batch batch;
  batch.tokens = positions;  // which tokens they are does not matter
  batch.positions = positions;
  batch.seq_starts = seq_starts;
  batch.kv_lens = kv_lens;
  batch.output_rows = output_rows;
  Cost sum;
  for (const Step& step : plan.steps) {
    const Cost one = cost(step.op, plan, batch, row_bytes, kv_type);
    sum.bytes += one.bytes;
    sum.flops += one.flops;
  }
  return sum;
}

Result<std::vector<std::string_view>> quantised_roles(const Plan& plan, const WeightSource& weights) {
  std::vector<std::string_view> roles;
  for (const Step& step : plan.steps) {
    const auto* linear = std::get_if<LinearOp>(&step.op);
    const auto* logits = std::get_if<LogitsOp>(&step.op);
    if (linear == nullptr && logits == nullptr) {
      continue;
    }
    LL_ASSIGN(const MatrixView matrix, weights.matrix(linear != nullptr ? linear->weight : logits->weight));
    if (format_of(matrix.type).block_len > 1 && std::find(roles.begin(), roles.end(), step.role) == roles.end()) {
      roles.push_back(step.role);
    }
  }
  return roles;
}

}  // namespace llorch::cli
