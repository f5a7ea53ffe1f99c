// Q2_K: 256 weights of 2 bits in 16 groups of 16, each with a 4-bit scale and a 4-bit minimum.
// weight = d * scale * q - dmin * min. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ2_K {
  static constexpr int kLen = 256;
  static constexpr int kGroup = 16;
  std::uint8_t scales[kLen / kGroup];  // low half: scale, high half: minimum
  std::uint8_t qs[kLen / 4];           // see two_bits_at
  std::uint16_t d;                     // f16, scale of the scales
  std::uint16_t dmin;                  // f16, scale of the minimums
};
static_assert(sizeof(BlockQ2_K) == 84);

/// Where the low 2 bits of weight i of Q2_K and Q3_K lie: qs[byte] >> shift & 3.
struct TwoBitsPlace {
  int byte, shift;
};
constexpr TwoBitsPlace two_bits_at(int i) {
  return {i / 128 * 32 + i % 32, i % 128 / 32 * 2};  // 128 weights use 32 bytes, each byte holds every 32nd
}

extern const Format kQ2_K;

}  // namespace llorch
