// TQ2_0: 256 ternary weights of 2 bits and one scale. weight = d * (q - 1). Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockTQ2_0 {
  static constexpr int kLen = 256;
  std::uint8_t qs[kLen / 4];  // as two_bits_at of q2_k/q2_k.h tells
  std::uint16_t d;            // f16
};
static_assert(sizeof(BlockTQ2_0) == 66);

extern const Format kTQ2_0;

}  // namespace llorch
