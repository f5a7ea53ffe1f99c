// What an op of a plan writes: the slots that an observer is shown.
#pragma once

#include <vector>

#include "model/plan.h"

namespace llorch {

/// The slots that an op writes, the first of which matters most; empty for LogitsOp, which writes Work::logits.
std::vector<Slot> written_slots(const Op& op);

/// Floats of a row of `slot` as `op`, which writes it, sees it.
int written_width(const Op& op, Slot slot, const Plan& plan);

}  // namespace llorch
