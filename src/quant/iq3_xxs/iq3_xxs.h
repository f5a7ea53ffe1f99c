// IQ3_XXS: 256 weights in 8 groups of 32, each with a 4-bit scale: eight indices of 4 magnitudes, and signs for 8
// weights at once. weight = d * (0.5 + scale) / 2 * grid. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockIQ3_XXS {
  static constexpr int kLen = 256;
  std::uint16_t d;                              // f16
  std::uint8_t qs[kLen / 4];                    // indices into kIq3XxsGrid
  std::uint8_t signs_and_scales[kLen / 32][4];  // a group: 4 * 7 bits for even_signs and the scale
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

extern const Format kIQ3_XXS;

}  // namespace llorch
