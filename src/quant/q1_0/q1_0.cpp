#include "quant/q1_0/q1_0.h"

#include <cmath>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

void decode(const BlockQ1_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < BlockQ1_0::kLen; ++i) {
    out[i] = (block.qs[i / 8] >> i % 8 & 1) != 0 ? d : -d;
  }
}

/// The scale of least squares for given signs: the mean magnitude.
BlockQ1_0 encode(const float* in) {
  float sum = 0.0f;
  for (int i = 0; i < BlockQ1_0::kLen; ++i) {
    sum += std::fabs(in[i]);
  }
  BlockQ1_0 block{f32_to_f16(sum / BlockQ1_0::kLen), {}};
  for (int i = 0; i < BlockQ1_0::kLen; ++i) {
    block.qs[i / 8] |= static_cast<std::uint8_t>((in[i] >= 0.0f ? 1 : 0) << i % 8);
  }
  return block;
}

}  // namespace

constinit const Format kQ1_0 = {DType::q1_0,
                                "Q1_0",
                                BlockQ1_0::kLen,
                                sizeof(BlockQ1_0),
                                decode_blocks<BlockQ1_0, decode>,
                                encode_blocks<BlockQ1_0, encode>,
                                kF16At<0>};

}  // namespace llorch
