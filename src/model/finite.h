// first_not_finite: where a tensor holds a NaN or an infinity, in its floats or in the scales of its blocks.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch {

/// Byte offset inside tensor.data of the first value that is not finite, or -1. Reads [begin, end) of the data, which
/// must begin and end on block borders.
std::int64_t first_not_finite(const Tensor& tensor, std::int64_t begin, std::int64_t end);

/// What is said of a tensor whose value at this offset in its data is not finite.
Error not_finite_error(const Tensor& tensor, std::int64_t offset);

}  // namespace llorch
