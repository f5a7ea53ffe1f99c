// IQ2_XS: 256 weights in 16 groups of 16, each with a 4-bit scale: indices of 8 magnitudes and their signs.
// weight = d * (0.5 + scale) / 4 * grid. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockIQ2_XS {
  static constexpr int kLen = 256;
  std::uint16_t d;                 // f16
  std::uint16_t qs[kLen / 8];      // 9 bits: index into kIq2XsGrid; 7 bits: for even_signs
  std::uint8_t scales[kLen / 32];  // low half: the first 16 of 32 weights, high half: the others
};
static_assert(sizeof(BlockIQ2_XS) == 74);

extern const Format kIQ2_XS;

}  // namespace llorch
