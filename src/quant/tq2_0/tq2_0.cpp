#include "quant/tq2_0/tq2_0.h"

#include <cmath>
#include <cstddef>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/q2_k/q2_k.h"

namespace llorch {
namespace {

void decode(const BlockTQ2_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < BlockTQ2_0::kLen; ++i) {
    const TwoBitsPlace at = two_bits_at(i);
    out[i] = static_cast<float>(((block.qs[at.byte] >> at.shift) & 3) - 1) * d;
  }
}

BlockTQ2_0 encode(const float* in) {
  const float d = std::fabs(extreme(in, BlockTQ2_0::kLen));
  const float inverse = inverse_or_zero(d);
  BlockTQ2_0 block{{}, f32_to_f16(d)};
  for (int i = 0; i < BlockTQ2_0::kLen; ++i) {
    const TwoBitsPlace at = two_bits_at(i);
    block.qs[at.byte] |= static_cast<std::uint8_t>((nearest_in(in[i] * inverse, -1, 1) + 1) << at.shift);
  }
  return block;
}

}  // namespace

constinit const Format kTQ2_0 = {DType::tq2_0,
                                 "TQ2_0",
                                 BlockTQ2_0::kLen,
                                 sizeof(BlockTQ2_0),
                                 decode_blocks<BlockTQ2_0, decode>,
                                 encode_blocks<BlockTQ2_0, encode>,
                                 kF16At<offsetof(BlockTQ2_0, d)>};

}  // namespace llorch
