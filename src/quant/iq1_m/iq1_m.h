// IQ1_M: 256 weights in 16 groups of 16, each with a 3-bit scale: indices of 8 ternary values, each with a shift.
// weight = d * (2 * scale + 1) * (grid +- kIq1Shift), iq1_s.h. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockIQ1_M {
  static constexpr int kLen = 256;
  std::uint8_t qs[kLen / 8];        // low 8 bits of the indices into kIq1Grid
  std::uint8_t qh[kLen / 16];       // half a byte for 8 weights: 3 high bits of the index, the sign of the shift
  std::uint16_t scales[kLen / 64];  // 4 * 3 bits of scales, then 4 bits of d, an f16: the first has the lowest
};
static_assert(sizeof(BlockIQ1_M) == 56);

extern const Format kIQ1_M;

}  // namespace llorch
