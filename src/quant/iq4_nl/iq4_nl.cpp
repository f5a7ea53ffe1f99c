#include "quant/iq4_nl/iq4_nl.h"

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kHalf = BlockIQ4_NL::kLen / 2;

void decode(const BlockIQ4_NL& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < kHalf; ++i) {
    out[i] = d * static_cast<float>(kIq4Values[block.qs[i] & 15]);
    out[i + kHalf] = d * static_cast<float>(kIq4Values[block.qs[i] >> 4]);
  }
}

BlockIQ4_NL encode(const float* in) {
  const float d = extreme(in, BlockIQ4_NL::kLen) / -127.0f;  // the extreme maps to -127 exactly
  const float inverse = inverse_or_zero(d);
  BlockIQ4_NL block{f32_to_f16(d), {}};
  for (int i = 0; i < kHalf; ++i) {
    const int low = nearest_iq4(in[i] * inverse);
    const int high = nearest_iq4(in[i + kHalf] * inverse);
    block.qs[i] = static_cast<std::uint8_t>(low | high << 4);
  }
  return block;
}

}  // namespace

int nearest_iq4(float x) {
  int best = 0;
  for (int i = 1; i < 16; ++i) {
    const float middle = static_cast<float>(kIq4Values[i - 1] + kIq4Values[i]) / 2.0f;
    best = x > middle ? i : best;
  }
  return best;
}

constinit const Format kIQ4_NL = {DType::iq4_nl,
                                  "IQ4_NL",
                                  BlockIQ4_NL::kLen,
                                  sizeof(BlockIQ4_NL),
                                  decode_blocks<BlockIQ4_NL, decode>,
                                  encode_blocks<BlockIQ4_NL, encode>,
                                  kF16At<0>};

}  // namespace llorch
