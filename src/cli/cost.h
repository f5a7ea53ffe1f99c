// Cost of a run, summed over the plan's steps as their ops declare it: what `bench` holds against the machine's roof.
#pragma once

#include <string_view>
#include <vector>

#include "backend/cost.h"
#include "base/result.h"
#include "model/plan.h"
#include "model/weights.h"

namespace llorch::cli {

/// Of the tokens of each of `sequences` at positions [first, first + n) run as one batch, with the logits of the last.
Result<Cost> run_cost(const Plan& plan, const WeightSource& weights, int first, int n, KvType kv_type,
                      int sequences = 1);

/// Roles ("ffn.down") whose matrix has a block format: with 8-bit activations these are products of integers.
Result<std::vector<std::string_view>> quantised_roles(const Plan& plan, const WeightSource& weights);

}  // namespace llorch::cli
