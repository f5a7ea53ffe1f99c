// Q5_1: 32 weights of 5 bits, a scale and a minimum. weight = d * q + m, q as in q5_0/fifth_bits.h. Layout and
// arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ5_1 {
  static constexpr int kLen = 32;
  std::uint16_t d;            // f16
  std::uint16_t m;            // f16
  std::uint8_t qh[kLen / 8];  // fifth bits
  std::uint8_t qs[kLen / 2];
};
static_assert(sizeof(BlockQ5_1) == 24);

extern const Format kQ5_1;

}  // namespace llorch
