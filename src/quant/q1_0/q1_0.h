// Q1_0: 128 signs and one scale. weight = d where the bit is set, else -d; bit i % 8 of byte i / 8 belongs to weight i.
// Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ1_0 {
  static constexpr int kLen = 128;
  std::uint16_t d;  // f16
  std::uint8_t qs[kLen / 8];
};
static_assert(sizeof(BlockQ1_0) == 18);

extern const Format kQ1_0;

}  // namespace llorch
