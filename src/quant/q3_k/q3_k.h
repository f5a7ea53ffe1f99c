// Q3_K: 256 weights of 3 bits in 16 groups of 16, each with a 6-bit scale. weight = d * scale * (q - 4), where scale is
// -32..31. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ3_K {
  static constexpr int kLen = 256;
  static constexpr int kGroup = 16;
  std::uint8_t hmask[kLen / 8];  // third bits: weight i has bit i / 32 of byte i % 32
  std::uint8_t qs[kLen / 4];     // low 2 bits, as two_bits_at of q2_k.h tells
  std::uint8_t scales[12];       // packed as q3_k_scale reads them
  std::uint16_t d;               // f16
};
static_assert(sizeof(BlockQ3_K) == 110);

/// Scale of a group, -32..31: the low 4 bits lie in halves of bytes 0..7, the high 2 in quarters of bytes 8..11.
inline int q3_k_scale(const std::uint8_t (&scales)[12], int group) {
  const int low = (scales[group % 8] >> group / 8 * 4) & 15;
  const int high = (scales[8 + group % 4] >> group / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

/// The inverse; `scales` starts as zeros.
inline void pack_q3_k_scale(std::uint8_t (&scales)[12], int group, int scale) {
  const int bits = scale + 32;
  scales[group % 8] |= static_cast<std::uint8_t>((bits & 15) << group / 8 * 4);
  scales[8 + group % 4] |= static_cast<std::uint8_t>(bits >> 4 << group / 4 * 2);
}

extern const Format kQ3_K;

}  // namespace llorch
