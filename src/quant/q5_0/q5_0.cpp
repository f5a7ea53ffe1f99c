#include "quant/q5_0/q5_0.h"

#include "quant/block.h"
#include "quant/half.h"
#include "quant/q5_0/fifth_bits.h"

namespace llorch {
namespace {

void decode(const BlockQ5_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < BlockQ5_0::kLen; ++i) {
    out[i] = static_cast<float>(q5_value(block.qs, block.qh, i) - 16) * d;
  }
}

BlockQ5_0 encode(const float* in) {
  const float d = extreme(in, BlockQ5_0::kLen) / -16.0f;  // the extreme maps to -16 exactly
  const float inverse = inverse_or_zero(d);
  BlockQ5_0 block{f32_to_f16(d), {}, {}};
  for (int i = 0; i < BlockQ5_0::kLen; ++i) {
    store_q5_value(block.qs, block.qh, i, nearest_in(in[i] * inverse, -16, 15) + 16);
  }
  return block;
}

}  // namespace

constinit const Format kQ5_0 = {DType::q5_0,
                                "Q5_0",
                                BlockQ5_0::kLen,
                                sizeof(BlockQ5_0),
                                decode_blocks<BlockQ5_0, decode>,
                                encode_blocks<BlockQ5_0, encode>,
                                kF16At<0>};

}  // namespace llorch
