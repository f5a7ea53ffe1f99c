// IQ4_NL: 32 weights of 4 bits and one scale. Byte i of qs holds weight i (low half) and weight i + 16 (high half);
// weight = d * kIq4Values[q]. Layout, values and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

/// What the 4 bits of IQ4_NL and IQ4_XS stand for, rising; denser around 0, where most weights are.
inline constexpr std::int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
/// The index of the value nearest to x.
int nearest_iq4(float x);

struct BlockIQ4_NL {
  static constexpr int kLen = 32;
  std::uint16_t d;  // f16
  std::uint8_t qs[kLen / 2];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

extern const Format kIQ4_NL;

}  // namespace llorch
