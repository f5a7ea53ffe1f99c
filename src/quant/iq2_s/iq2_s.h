// IQ2_S: 256 weights in 16 groups of 16, each with a 4-bit scale: indices of 8 magnitudes, and a sign for each weight.
// weight = d * (0.5 + scale) / 4 * grid. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockIQ2_S {
  static constexpr int kLen = 256;
  std::uint16_t d;            // f16
  std::uint8_t qs[kLen / 8];  // low 8 bits of the indices into kIq2SGrid
  std::uint8_t signs[kLen / 8];
  std::uint8_t qh[kLen / 32];      // high 2 bits of four indices, the first lowest
  std::uint8_t scales[kLen / 32];  // low half: the first 16 of 32 weights, high half: the others
};
static_assert(sizeof(BlockIQ2_S) == 82);

extern const Format kIQ2_S;

}  // namespace llorch
