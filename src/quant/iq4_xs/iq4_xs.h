// IQ4_XS: 256 weights of 4 bits in 8 groups of 32, each with a 6-bit scale. weight = d * scale * kIq4Values[q]
// (iq4_nl.h), where scale is -32..31. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockIQ4_XS {
  static constexpr int kLen = 256;
  static constexpr int kGroup = 32;
  std::uint16_t d;            // f16
  std::uint16_t scales_h;     // high 2 bits of the scales
  std::uint8_t scales_l[4];   // low 4 bits
  std::uint8_t qs[kLen / 2];  // each 16 bytes hold a group, halves as in IQ4_NL
};
static_assert(sizeof(BlockIQ4_XS) == 136);

/// Scale of a group, -32..31.
constexpr int iq4_xs_scale(const BlockIQ4_XS& block, int group) {
  const int low = (block.scales_l[group / 2] >> group % 2 * 4) & 15;
  return (low | (block.scales_h >> 2 * group & 3) << 4) - 32;
}

/// The inverse; the block's scales start as zeros.
inline void pack_iq4_xs_scale(BlockIQ4_XS& block, int group, int scale) {
  const int bits = scale + 32;
  block.scales_l[group / 2] |= static_cast<std::uint8_t>((bits & 15) << group % 2 * 4);
  block.scales_h |= static_cast<std::uint16_t>(bits >> 4 << 2 * group);
}

extern const Format kIQ4_XS;

}  // namespace llorch
