// Q4_K: 256 weights of 4 bits in 8 groups of 32, each with a 6-bit scale and a 6-bit minimum.
// weight = d * scale * q - dmin * min. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"
#include "quant/q4_k/scales.h"

namespace llorch {

struct BlockQ4_K {
  static constexpr int kLen = 256;
  static constexpr int kGroup = 32;
  std::uint16_t d;     // f16, scale of the scales
  std::uint16_t dmin;  // f16, scale of the minimums
  std::uint8_t
      scales[12];  // 8 scales and 8 minimums of 6 bits, packed as q4_k_scale and q4_k_min of scales.h read them
  std::uint8_t qs[kLen / 2];  // each 32 bytes hold two groups: low halves the first, high halves the second
};
static_assert(sizeof(BlockQ4_K) == 144);

extern const Format kQ4_K;

}  // namespace llorch
