// Q5_0: 32 weights of 5 bits and one scale. weight = d * (q - 16), q as in fifth_bits.h. Layout and arithmetic as in
// ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ5_0 {
  static constexpr int kLen = 32;
  std::uint16_t d;            // f16
  std::uint8_t qh[kLen / 8];  // fifth bits
  std::uint8_t qs[kLen / 2];
};
static_assert(sizeof(BlockQ5_0) == 22);

extern const Format kQ5_0;

}  // namespace llorch
