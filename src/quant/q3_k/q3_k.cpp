#include "quant/q3_k/q3_k.h"

#include <cstddef>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/q2_k/q2_k.h"

namespace llorch {
namespace {

constexpr int kGroups = BlockQ3_K::kLen / BlockQ3_K::kGroup;

void decode(const BlockQ3_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int group = 0; group < kGroups; ++group) {
    const float scale = d * static_cast<float>(q3_k_scale(block.scales, group));
    const int first = group * BlockQ3_K::kGroup;
    const TwoBitsPlace at = two_bits_at(first);
    for (int i = 0; i < BlockQ3_K::kGroup; ++i) {
      const int high = block.hmask[first % 32 + i] >> first / 32 & 1;
      *out++ = scale * static_cast<float>((((block.qs[at.byte + i] >> at.shift) & 3) | high << 2) - 4);
    }
  }
}

/// d and the scales: the extreme weight of each group maps to -4, the extreme scale to -32.
void encode_scales(const float* in, BlockQ3_K& block) {
  float scales[kGroups];
  for (int group = 0; group < kGroups; ++group) {
    scales[group] = extreme(in + group * BlockQ3_K::kGroup, BlockQ3_K::kGroup) / -4.0f;
  }
  block.d = f32_to_f16(extreme(scales, kGroups) / -32.0f);
  const float inverse = inverse_or_zero(f16_to_f32(block.d));
  for (int group = 0; group < kGroups; ++group) {
    pack_q3_k_scale(block.scales, group, nearest_in(scales[group] * inverse, -32, 31));
  }
}

BlockQ3_K encode(const float* in) {
  BlockQ3_K block{};
  encode_scales(in, block);
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < BlockQ3_K::kLen; ++i) {
    const float scale = d * static_cast<float>(q3_k_scale(block.scales, i / BlockQ3_K::kGroup));
    const int q = nearest_in(in[i] * inverse_or_zero(scale), -4, 3) + 4;
    const TwoBitsPlace at = two_bits_at(i);
    block.qs[at.byte] |= static_cast<std::uint8_t>((q & 3) << at.shift);
    block.hmask[i % 32] |= static_cast<std::uint8_t>(q >> 2 << i / 32);
  }
  return block;
}

}  // namespace

constinit const Format kQ3_K = {DType::q3_k,
                                "Q3_K",
                                BlockQ3_K::kLen,
                                sizeof(BlockQ3_K),
                                decode_blocks<BlockQ3_K, decode>,
                                encode_blocks<BlockQ3_K, encode>,
                                kF16At<offsetof(BlockQ3_K, d)>};

}  // namespace llorch
