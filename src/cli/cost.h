// Cost of a run, summed over the plan's steps as their ops declare it: what `bench` holds against the machine's roof.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backend/cost.h"
#include "base/result.h"
#include "model/plan.h"
#include "model/weights.h"

namespace llorch::cli {

struct RunCost {
  Cost all;
  std::int64_t int8_flops = 0;  // of `all`

  bool is_int8() const { return 2 * int8_flops > all.flops; }
};
/// Of the tokens of each of `sequences` at positions [first, first + n) run as one batch, with the logits of the last;
/// steps of `int8_roles` count as int8.
Result<RunCost> run_cost(const Plan& plan, const WeightSource& weights, std::span<const std::string_view> int8_roles,
                         int first, int n, KvType kv_type, int sequences = 1);

/// Whether a device multiplies a format as integers, with 8-bit activations (OpTable::has_q8).
using HasQ8 = bool (*)(DType);
/// That of the host's device `name` ("cpu:avx2"); null for other devices and for ref, whose loops no roof is measured
/// for.
HasQ8 has_q8_of(std::string_view name);
/// Roles ("ffn.down") with a matrix of such a format, in the plan's order; none without has_q8.
Result<std::vector<std::string_view>> int8_roles_of(const Plan& plan, const WeightSource& weights, HasQ8 has_q8);

}  // namespace llorch::cli
