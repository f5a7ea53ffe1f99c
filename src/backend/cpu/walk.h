// walk: one step of a plan by a table's op functions.
#pragma once

#include <cstddef>

#include "backend/ops.h"

namespace llorch::cpu {

/// Calls the op function of step `index` of the plan, the one before it having run just now; every thread of work.team
/// must call it.
void run_step(const OpTable& table, std::size_t index, const Work& work);

/// matmul, or matmul_many when there are rows enough.
void run_matmul(const OpTable& table, const Matmul& mm, const Work& work);

/// Whether a product with b reads the 8-bit rows of x that a product with a made of the same x.
bool share_rows8(const Work& work, WeightId a, WeightId b);

}  // namespace llorch::cpu
