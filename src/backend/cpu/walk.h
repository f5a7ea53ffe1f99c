// walk: one step of a plan by a table's op functions.
#pragma once

#include <vector>

#include "backend/ops.h"

namespace llorch::cpu {

/// Calls the op function of `step`; every thread of work.team must call it.
void run_step(const OpTable& table, const Step& step, const Work& work);

/// matmul, or matmul_many when there are rows enough.
void run_matmul(const OpTable& table, const Matmul& mm, const Work& work);

/// The slots that an op writes, the first of which matters most; empty for LogitsOp, which writes Work::logits.
std::vector<Slot> written_slots(const Op& op);

/// Floats of a row of `slot` as `op`, which writes it, sees it.
int written_width(const Op& op, Slot slot, const Plan& plan);

}  // namespace llorch::cpu
