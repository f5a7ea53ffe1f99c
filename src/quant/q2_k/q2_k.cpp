#include "quant/q2_k/q2_k.h"

#include <algorithm>
#include <cstddef>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kGroups = BlockQ2_K::kLen / BlockQ2_K::kGroup;

void decode(const BlockQ2_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (int group = 0; group < kGroups; ++group) {
    const float scale = d * static_cast<float>(block.scales[group] & 15);
    const float minimum = dmin * static_cast<float>(block.scales[group] >> 4);
    const TwoBitsPlace at = two_bits_at(group * BlockQ2_K::kGroup);
    for (int i = 0; i < BlockQ2_K::kGroup; ++i) {
      *out++ = scale * static_cast<float>((block.qs[at.byte + i] >> at.shift) & 3) - minimum;
    }
  }
}

/// d, dmin and the packed scales, from each group's range; the range includes 0, as minimums are not negative.
void encode_scales(const float* in, BlockQ2_K& block) {
  float scales[kGroups];
  float minimums[kGroups];
  for (int group = 0; group < kGroups; ++group) {
    const float* x = in + group * BlockQ2_K::kGroup;
    const auto [low, high] = std::minmax_element(x, x + BlockQ2_K::kGroup);
    minimums[group] = std::max(0.0f, -*low);
    scales[group] = std::max(0.0f, *high + minimums[group]) / 3.0f;
  }
  block.d = f32_to_f16(*std::max_element(scales, scales + kGroups) / 15.0f);
  block.dmin = f32_to_f16(*std::max_element(minimums, minimums + kGroups) / 15.0f);
  const float inverse_d = inverse_or_zero(f16_to_f32(block.d));
  const float inverse_dmin = inverse_or_zero(f16_to_f32(block.dmin));
  for (int group = 0; group < kGroups; ++group) {
    block.scales[group] = static_cast<std::uint8_t>(nearest_in(scales[group] * inverse_d, 0, 15) |
                                                    nearest_in(minimums[group] * inverse_dmin, 0, 15) << 4);
  }
}

BlockQ2_K encode(const float* in) {
  BlockQ2_K block{};
  encode_scales(in, block);
  for (int i = 0; i < BlockQ2_K::kLen; ++i) {
    const int packed = block.scales[i / BlockQ2_K::kGroup];
    const float scale = f16_to_f32(block.d) * static_cast<float>(packed & 15);
    const float minimum = f16_to_f32(block.dmin) * static_cast<float>(packed >> 4);
    const TwoBitsPlace at = two_bits_at(i);
    const int q = nearest_in((in[i] + minimum) * inverse_or_zero(scale), 0, 3);
    block.qs[at.byte] |= static_cast<std::uint8_t>(q << at.shift);
  }
  return block;
}

}  // namespace

constinit const Format kQ2_K = {DType::q2_k,
                                "Q2_K",
                                BlockQ2_K::kLen,
                                sizeof(BlockQ2_K),
                                decode_blocks<BlockQ2_K, decode>,
                                encode_blocks<BlockQ2_K, encode>,
                                kF16At<offsetof(BlockQ2_K, d), offsetof(BlockQ2_K, dmin)>};

}  // namespace llorch
