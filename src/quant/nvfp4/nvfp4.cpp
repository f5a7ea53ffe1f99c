#include "quant/nvfp4/nvfp4.h"

#include <cmath>

#include "quant/block.h"
#include "quant/floats/e4m3.h"
#include "quant/mxfp4/e2m1.h"

namespace llorch {
namespace {

constexpr int kGroups = BlockNVFP4::kLen / BlockNVFP4::kGroup;
constexpr int kHalf = BlockNVFP4::kGroup / 2;

/// Half of a group's scale, as kTwiceE2m1 is twice the values.
float half_scale(std::uint8_t bits) {
  return bits == 0x7f ? 0.0f : e4m3_to_f32(bits & 0x7f) * 0.5f;  // NaN is 0, as in ggml
}

void decode(const BlockNVFP4& block, float* out) {
  for (int group = 0; group < kGroups; ++group, out += BlockNVFP4::kGroup) {
    const float scale = half_scale(block.scales[group]);
    const std::uint8_t* qs = block.qs + group * kHalf;
    for (int i = 0; i < kHalf; ++i) {
      out[i] = static_cast<float>(kTwiceE2m1[qs[i] & 15]) * scale;
      out[i + kHalf] = static_cast<float>(kTwiceE2m1[qs[i] >> 4]) * scale;
    }
  }
}

BlockNVFP4 encode(const float* in) {
  BlockNVFP4 block{};
  for (int group = 0; group < kGroups; ++group, in += BlockNVFP4::kGroup) {
    const float largest = std::fabs(extreme(in, BlockNVFP4::kGroup));
    block.scales[group] = f32_to_e4m3(largest / 6.0f);  // the largest value of E2M1 is 6
    const float inverse = inverse_or_zero(half_scale(block.scales[group]));
    for (int i = 0; i < kHalf; ++i) {
      const int low = nearest_e2m1(in[i] * inverse);
      const int high = nearest_e2m1(in[i + kHalf] * inverse);
      block.qs[group * kHalf + i] = static_cast<std::uint8_t>(low | high << 4);
    }
  }
  return block;
}

constexpr FloatField kScales[] = {{0, 1, 0x7fU}, {1, 1, 0x7fU}, {2, 1, 0x7fU}, {3, 1, 0x7fU}};

}  // namespace

constinit const Format kNVFP4 = {DType::nvfp4,
                                 "NVFP4",
                                 BlockNVFP4::kLen,
                                 sizeof(BlockNVFP4),
                                 decode_blocks<BlockNVFP4, decode>,
                                 encode_blocks<BlockNVFP4, encode>,
                                 kScales};

}  // namespace llorch
