// What GGUF and SafeTensors share when they place tensors: sizes that cannot overflow, and the check that no two
// tensors share bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch {

/// Bytes of a tensor of this format and shape. Refuses a dim below 1, a product that does not fit in 63 bits, and a
/// last dim that is not a multiple of the block.
Result<std::uint64_t> checked_bytes(const std::string& file, const Tensor& tensor, const Format& format);

/// [32, 64], for messages.
std::string shape_text(const std::vector<std::int64_t>& shape);

/// Sorts by place in the file and refuses two tensors that share a byte.
Status sort_without_overlap(std::vector<Tensor>& tensors);

}  // namespace llorch
