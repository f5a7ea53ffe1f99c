// Q6_K: 256 weights of 6 bits in 16 groups of 16, each with an 8-bit scale. weight = d * scale * (q - 32).
// Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ6_K {
  static constexpr int kLen = 256;
  static constexpr int kGroup = 16;
  std::uint8_t ql[kLen / 2];  // low 4 bits; see q6_k_at
  std::uint8_t qh[kLen / 4];  // high 2 bits
  std::int8_t scales[kLen / kGroup];
  std::uint16_t d;  // f16
};
static_assert(sizeof(BlockQ6_K) == 210);

/// Where the bits of weight i lie: ql[low] >> low_shift & 15 and qh[high] >> high_shift & 3.
struct Q6KPlace {
  int low, low_shift, high, high_shift;
};
constexpr Q6KPlace q6_k_at(int i) {
  const int half = i / 128;          // 128 weights use 64 bytes of ql and 32 of qh
  const int quarter = i % 128 / 32;  // quarters 0 and 1 are low halves, 2 and 3 high halves
  const int lane = i % 32;
  return {half * 64 + quarter % 2 * 32 + lane, quarter / 2 * 4, half * 32 + lane, quarter * 2};
}

extern const Format kQ6_K;

}  // namespace llorch
