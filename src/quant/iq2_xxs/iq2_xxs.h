// IQ2_XXS: 256 weights in 8 groups of 32, each with a 4-bit scale: four indices of 8 magnitudes and their signs.
// weight = d * (0.5 + scale) / 4 * grid. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockIQ2_XXS {
  static constexpr int kLen = 256;
  std::uint16_t d;  // f16
  std::uint8_t qs[kLen / 32]
                 [8];  // a group: four indices into kIq2XxsGrid, then 4 * 7 bits for even_signs and the scale
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

extern const Format kIQ2_XXS;

}  // namespace llorch
