#include "quant/tq1_0/tq1_0.h"

#include <cmath>
#include <cstddef>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kPower[5] = {1, 3, 9, 27, 81};

/// Digit n of a byte: the byte's fraction of 256 times 3^n, less its whole part, times 3.
int trit(int byte, int n) {
  return ((byte * kPower[n] & 255) * 3) >> 8;
}

void decode(const BlockTQ1_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < BlockTQ1_0::kLen; ++i) {
    const TritPlace at = tq1_0_at(i);
    out[i] = static_cast<float>(trit(block.qs[at.byte], at.digit) - 1) * d;
  }
}

BlockTQ1_0 encode(const float* in) {
  const float d = std::fabs(extreme(in, BlockTQ1_0::kLen));
  const float inverse = inverse_or_zero(d);
  int digits[sizeof BlockTQ1_0::qs] = {};  // in base 3
  for (int i = 0; i < BlockTQ1_0::kLen; ++i) {
    const TritPlace at = tq1_0_at(i);
    digits[at.byte] += (nearest_in(in[i] * inverse, -1, 1) + 1) * kPower[4 - at.digit];
  }
  BlockTQ1_0 block{{}, f32_to_f16(d)};
  for (std::size_t byte = 0; byte < sizeof block.qs; ++byte) {
    block.qs[byte] = static_cast<std::uint8_t>((digits[byte] * 256 + 242) / 243);  // up, so that no digit is lost
  }
  return block;
}

}  // namespace

constinit const Format kTQ1_0 = {DType::tq1_0,
                                 "TQ1_0",
                                 BlockTQ1_0::kLen,
                                 sizeof(BlockTQ1_0),
                                 decode_blocks<BlockTQ1_0, decode>,
                                 encode_blocks<BlockTQ1_0, encode>,
                                 kF16At<offsetof(BlockTQ1_0, d)>};

}  // namespace llorch
