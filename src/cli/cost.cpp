// Sums of declared costs; cost.h says of what.
#include "cli/cost.h"

#include <algorithm>
#include <cstdint>
#include <variant>

#include "backend/cpu/tables.h"

namespace llorch::cli {
namespace {

bool contains(std::span<const std::string_view> roles, std::string_view role) {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

/// What a step multiplies with.
std::vector<WeightId> matrices_of(const Op& op) {
  if (const auto* linear = std::get_if<LinearOp>(&op)) {
    return {linear->weight};
  }
  if (const auto* heads = std::get_if<HeadsLinearOp>(&op)) {
    return {heads->weight};
  }
  if (const auto* experts = std::get_if<ExpertsOp>(&op)) {
    return {experts->gate.weight, experts->up.weight, experts->down.weight};
  }
  const auto* logits = std::get_if<LogitsOp>(&op);
  return logits != nullptr ? std::vector{logits->weight} : std::vector<WeightId>();
}

}  // namespace

Result<RunCost> run_cost(const Plan& plan, const WeightSource& weights, std::span<const std::string_view> int8_roles,
                         int first, int n, KvType kv_type, int sequences) {
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
  RunCost sum;
  for (const Step& step : plan.steps) {
    const Cost one = cost(step.op, plan, batch, row_bytes, kv_type);
    sum.all.bytes += one.bytes;
    sum.all.flops += one.flops;
    sum.int8_flops += contains(int8_roles, step.role) ? one.flops : 0;
  }
  return sum;
}

HasQ8 has_q8_of(std::string_view name) {
  for (const cpu::HostTable& table : cpu::host_tables()) {
    if (table.device == name && name != "ref") {
      return cpu::make_ops(table).has_q8;
    }
  }
  return nullptr;
}

Result<std::vector<std::string_view>> int8_roles_of(const Plan& plan, const WeightSource& weights, HasQ8 has_q8) {
  std::vector<std::string_view> roles;
  for (const Step& step : plan.steps) {
    for (const WeightId id : matrices_of(step.op)) {
      LL_ASSIGN(const MatrixView matrix, weights.matrix(id));
      if (has_q8 != nullptr && has_q8(matrix.type) && !contains(roles, step.role)) {
        roles.push_back(step.role);
      }
    }
  }
  return roles;
}

}  // namespace llorch::cli
