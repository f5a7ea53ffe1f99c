#include "quant/q5_1/q5_1.h"

#include <algorithm>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/q5_0/fifth_bits.h"

namespace llorch {
namespace {

void decode(const BlockQ5_1& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float m = f16_to_f32(block.m);
  for (int i = 0; i < BlockQ5_1::kLen; ++i) {
    out[i] = static_cast<float>(q5_value(block.qs, block.qh, i)) * d + m;
  }
}

BlockQ5_1 encode(const float* in) {
  const auto [low, high] = std::minmax_element(in, in + BlockQ5_1::kLen);
  const float d = (*high - *low) / 31.0f;
  const float inverse = inverse_or_zero(d);
  BlockQ5_1 block{f32_to_f16(d), f32_to_f16(*low), {}, {}};
  for (int i = 0; i < BlockQ5_1::kLen; ++i) {
    store_q5_value(block.qs, block.qh, i, nearest_in((in[i] - *low) * inverse, 0, 31));
  }
  return block;
}

}  // namespace

constinit const Format kQ5_1 = {DType::q5_1,
                                "Q5_1",
                                BlockQ5_1::kLen,
                                sizeof(BlockQ5_1),
                                decode_blocks<BlockQ5_1, decode>,
                                encode_blocks<BlockQ5_1, encode>,
                                kF16At<0, 2>};

}  // namespace llorch
