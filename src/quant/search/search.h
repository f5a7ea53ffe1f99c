// Encoders that look for the block nearest to its weights, for `llorch quantize`. Format::encode rounds once with the
// scale that the largest weight asks for; these try several scales, fit each to the integers that it gives, and keep
// the one with the least error.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/formats.h"

namespace llorch {

/// A row of weights to be encoded. The error of weight i is importance[i] * (weight - decoded)^2; nullptr: all count
/// the same. Weights are finite; importance is between 1e-6 and 1e6.
struct SearchRow {
  const float* weights;     // [n]
  const float* importance;  // [n] or nullptr
  std::int64_t n;           // whole blocks
};

/// Writes the row's blocks. Weights beyond the format's range give scales that are not finite.
using Search = void (*)(const SearchRow& row, std::byte* blocks);

/// nullptr: `llorch quantize` does not write this format.
Search find_search(DType type);

}  // namespace llorch
