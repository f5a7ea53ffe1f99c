// IQ3_S: 256 weights in 8 groups of 32, each with a 4-bit scale: indices of 4 magnitudes, and a sign for each weight.
// weight = d * (1 + 2 * scale) * grid. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockIQ3_S {
  static constexpr int kLen = 256;
  std::uint16_t d;             // f16
  std::uint8_t qs[kLen / 4];   // low 8 bits of the indices into kIq3SGrid
  std::uint8_t qh[kLen / 32];  // ninth bits, index i % 8 of a group lowest first
  std::uint8_t signs[kLen / 8];
  std::uint8_t scales[kLen / 64];  // low half: the first 32 of 64 weights, high half: the others
};
static_assert(sizeof(BlockIQ3_S) == 110);

extern const Format kIQ3_S;

}  // namespace llorch
