// Q5_K: 256 weights of 5 bits in 8 groups of 32, each with a 6-bit scale and a 6-bit minimum, packed as in
// q4_k/scales.h. weight = d * scale * q - dmin * min. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"
#include "quant/q4_k/scales.h"

namespace llorch {

struct BlockQ5_K {
  static constexpr int kLen = 256;
  static constexpr int kGroup = 32;
  std::uint16_t d;     // f16, scale of the scales
  std::uint16_t dmin;  // f16, scale of the minimums
  std::uint8_t scales[12];
  std::uint8_t qh[kLen / 8];  // fifth bits: weight i has bit i / 32 of byte i % 32
  std::uint8_t qs[kLen / 2];  // each 32 bytes hold two groups: low halves the first, high halves the second
};
static_assert(sizeof(BlockQ5_K) == 176);

extern const Format kQ5_K;

}  // namespace llorch
