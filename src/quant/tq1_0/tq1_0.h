// TQ1_0: 256 ternary weights, five in a byte, and one scale. weight = d * (t - 1), t = 0, 1, 2. Layout and arithmetic
// as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockTQ1_0 {
  static constexpr int kLen = 256;
  std::uint8_t qs[52];  // 48 bytes of five weights, 4 of four; see tq1_0_at
  std::uint16_t d;      // f16
};
static_assert(sizeof(BlockTQ1_0) == 54);

/// Where weight i lies: digit `digit` after the point of byte `byte` / 256 in base 3.
struct TritPlace {
  int byte, digit;
};
constexpr TritPlace tq1_0_at(int i) {
  if (i < 160) {
    return {i % 32, i / 32};  // 32 bytes hold five rows of 32
  }
  if (i < 240) {
    return {32 + (i - 160) % 16, (i - 160) / 16};  // 16 bytes hold five rows of 16
  }
  return {48 + (i - 240) % 4, (i - 240) / 4};
}

extern const Format kTQ1_0;

}  // namespace llorch
