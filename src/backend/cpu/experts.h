// run_experts: the mixture of experts of a layer, by a table's matmul and gate.
#pragma once

#include "backend/ops.h"

namespace llorch::cpu {

/// Every thread of work.team must call it.
void run_experts(const OpTable& table, const ExpertsOp& op, const Work& work);

}  // namespace llorch::cpu
