#include "quant/q2_0/q2_0.h"

#include <cmath>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

void decode(const BlockQ2_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < BlockQ2_0::kLen; ++i) {
    out[i] = static_cast<float>(((block.qs[i / 4] >> i % 4 * 2) & 3) - 1) * d;
  }
}

BlockQ2_0 encode(const float* in) {
  const float d = std::fabs(extreme(in, BlockQ2_0::kLen));
  const float inverse = inverse_or_zero(d);
  BlockQ2_0 block{f32_to_f16(d), {}};
  for (int i = 0; i < BlockQ2_0::kLen; ++i) {
    block.qs[i / 4] |= static_cast<std::uint8_t>((nearest_in(in[i] * inverse, -1, 2) + 1) << i % 4 * 2);
  }
  return block;
}

}  // namespace

constinit const Format kQ2_0 = {DType::q2_0,
                                "Q2_0",
                                BlockQ2_0::kLen,
                                sizeof(BlockQ2_0),
                                decode_blocks<BlockQ2_0, decode>,
                                encode_blocks<BlockQ2_0, encode>,
                                kF16At<0>};

}  // namespace llorch
