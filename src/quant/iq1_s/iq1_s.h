// IQ1_S: 256 weights in 8 groups of 32, each with a 3-bit scale and a shift: indices of 8 ternary values.
// weight = d * (2 * scale + 1) * (grid +- kIq1Shift). Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

/// What IQ1_S and IQ1_M add to the values of the grid, or subtract.
inline constexpr float kIq1Shift = 0.125f;

struct BlockIQ1_S {
  static constexpr int kLen = 256;
  std::uint16_t d;              // f16
  std::uint8_t qs[kLen / 8];    // low 8 bits of the indices into kIq1Grid
  std::uint16_t qh[kLen / 32];  // a group: 4 * 3 high bits of the indices, 3 bits of scale, the sign of the shift
};
static_assert(sizeof(BlockIQ1_S) == 50);

extern const Format kIQ1_S;

}  // namespace llorch
