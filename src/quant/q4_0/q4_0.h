// Q4_0: 32 weights of 4 bits and one scale. Byte i of qs holds weight i (low half) and weight i + 16 (high half);
// weight = d * (q - 8). Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ4_0 {
  static constexpr int kLen = 32;
  std::uint16_t d;  // f16
  std::uint8_t qs[kLen / 2];
};
static_assert(sizeof(BlockQ4_0) == 18);

extern const Format kQ4_0;

}  // namespace llorch
