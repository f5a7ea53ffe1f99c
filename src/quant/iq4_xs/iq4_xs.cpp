#include "quant/iq4_xs/iq4_xs.h"

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq4_nl/iq4_nl.h"

namespace llorch {
namespace {

constexpr int kGroups = BlockIQ4_XS::kLen / BlockIQ4_XS::kGroup;
constexpr int kHalf = BlockIQ4_XS::kGroup / 2;

void decode(const BlockIQ4_XS& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int group = 0; group < kGroups; ++group, out += BlockIQ4_XS::kGroup) {
    const float scale = d * static_cast<float>(iq4_xs_scale(block, group));
    const std::uint8_t* qs = block.qs + group * kHalf;
    for (int i = 0; i < kHalf; ++i) {
      out[i] = scale * static_cast<float>(kIq4Values[qs[i] & 15]);
      out[i + kHalf] = scale * static_cast<float>(kIq4Values[qs[i] >> 4]);
    }
  }
}

/// d and the scales: the extreme weight of each group maps to -127, the extreme scale to -32.
void encode_scales(const float* in, BlockIQ4_XS& block) {
  float scales[kGroups];
  for (int group = 0; group < kGroups; ++group) {
    scales[group] = extreme(in + group * BlockIQ4_XS::kGroup, BlockIQ4_XS::kGroup) / -127.0f;
  }
  block.d = f32_to_f16(extreme(scales, kGroups) / -32.0f);
  const float inverse = inverse_or_zero(f16_to_f32(block.d));
  for (int group = 0; group < kGroups; ++group) {
    pack_iq4_xs_scale(block, group, nearest_in(scales[group] * inverse, -32, 31));
  }
}

BlockIQ4_XS encode(const float* in) {
  BlockIQ4_XS block{};
  encode_scales(in, block);
  const float d = f16_to_f32(block.d);
  for (int group = 0; group < kGroups; ++group, in += BlockIQ4_XS::kGroup) {
    const float inverse = inverse_or_zero(d * static_cast<float>(iq4_xs_scale(block, group)));
    for (int i = 0; i < kHalf; ++i) {
      const int low = nearest_iq4(in[i] * inverse);
      const int high = nearest_iq4(in[i + kHalf] * inverse);
      block.qs[group * kHalf + i] = static_cast<std::uint8_t>(low | high << 4);
    }
  }
  return block;
}

}  // namespace

constinit const Format kIQ4_XS = {DType::iq4_xs,
                                  "IQ4_XS",
                                  BlockIQ4_XS::kLen,
                                  sizeof(BlockIQ4_XS),
                                  decode_blocks<BlockIQ4_XS, decode>,
                                  encode_blocks<BlockIQ4_XS, encode>,
                                  kF16At<0>};

}  // namespace llorch
