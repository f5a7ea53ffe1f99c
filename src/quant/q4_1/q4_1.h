// Q4_1: 32 weights of 4 bits, a scale and a minimum. Byte i of qs holds weight i (low half) and weight i + 16 (high
// half); weight = d * q + m. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ4_1 {
  static constexpr int kLen = 32;
  std::uint16_t d;  // f16
  std::uint16_t m;  // f16
  std::uint8_t qs[kLen / 2];
};
static_assert(sizeof(BlockQ4_1) == 20);

extern const Format kQ4_1;

}  // namespace llorch
