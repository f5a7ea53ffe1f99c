// Q2_0: 64 weights of 2 bits and one scale. weight = d * (q - 1); quarter i % 4 of byte i / 4, from the lowest bits,
// belongs to weight i. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ2_0 {
  static constexpr int kLen = 64;
  std::uint16_t d;  // f16
  std::uint8_t qs[kLen / 4];
};
static_assert(sizeof(BlockQ2_0) == 18);

extern const Format kQ2_0;

}  // namespace llorch
