#include "quant/q4_1/q4_1.h"

#include <algorithm>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kHalf = BlockQ4_1::kLen / 2;

void decode(const BlockQ4_1& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float m = f16_to_f32(block.m);
  for (int i = 0; i < kHalf; ++i) {
    out[i] = static_cast<float>(block.qs[i] & 15) * d + m;
    out[i + kHalf] = static_cast<float>(block.qs[i] >> 4) * d + m;
  }
}

BlockQ4_1 encode(const float* in) {
  const auto [low, high] = std::minmax_element(in, in + BlockQ4_1::kLen);
  const float d = (*high - *low) / 15.0f;
  const float inverse = inverse_or_zero(d);
  BlockQ4_1 block{f32_to_f16(d), f32_to_f16(*low), {}};
  for (int i = 0; i < kHalf; ++i) {
    const int q0 = nearest_in((in[i] - *low) * inverse, 0, 15);
    const int q1 = nearest_in((in[i + kHalf] - *low) * inverse, 0, 15);
    block.qs[i] = static_cast<std::uint8_t>(q0 | q1 << 4);
  }
  return block;
}

}  // namespace

constinit const Format kQ4_1 = {DType::q4_1,
                                "Q4_1",
                                BlockQ4_1::kLen,
                                sizeof(BlockQ4_1),
                                decode_blocks<BlockQ4_1, decode>,
                                encode_blocks<BlockQ4_1, encode>,
                                kF16At<0, 2>};

}  // namespace llorch
