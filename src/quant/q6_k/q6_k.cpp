#include "quant/q6_k/q6_k.h"

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kGroups = BlockQ6_K::kLen / BlockQ6_K::kGroup;

void decode(const std::byte* blocks, float* out, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const auto block = load_block<BlockQ6_K>(blocks + b * static_cast<std::int64_t>(sizeof(BlockQ6_K)));
    const float d = f16_to_f32(block.d);
    for (int i = 0; i < BlockQ6_K::kLen; ++i) {
      const Q6KPlace at = q6_k_at(i);
      const int q = ((block.ql[at.low] >> at.low_shift) & 15) | ((block.qh[at.high] >> at.high_shift) & 3) << 4;
      *out++ = d * static_cast<float>(block.scales[i / BlockQ6_K::kGroup]) * static_cast<float>(q - 32);
    }
  }
}

/// d and the 8-bit scales: the extreme weight of each group maps to -32, the extreme scale to -128.
void encode_scales(const float* in, BlockQ6_K& block) {
  float scales[kGroups];
  for (int group = 0; group < kGroups; ++group) {
    scales[group] = extreme(in + group * BlockQ6_K::kGroup, BlockQ6_K::kGroup) / -32.0f;
  }
  block.d = f32_to_f16(extreme(scales, kGroups) / -128.0f);
  const float inverse = inverse_or_zero(f16_to_f32(block.d));
  for (int group = 0; group < kGroups; ++group) {
    block.scales[group] = static_cast<std::int8_t>(nearest_in(scales[group] * inverse, -128, 127));
  }
}

void encode(const float* in, std::byte* blocks, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, in += BlockQ6_K::kLen, blocks += sizeof(BlockQ6_K)) {
    BlockQ6_K block{};
    encode_scales(in, block);
    const float d = f16_to_f32(block.d);
    for (int i = 0; i < BlockQ6_K::kLen; ++i) {
      const float scale = d * static_cast<float>(block.scales[i / BlockQ6_K::kGroup]);
      const int q = nearest_in(in[i] * inverse_or_zero(scale), -32, 31) + 32;
      const Q6KPlace at = q6_k_at(i);
      block.ql[at.low] |= static_cast<std::uint8_t>((q & 15) << at.low_shift);
      block.qh[at.high] |= static_cast<std::uint8_t>(q >> 4 << at.high_shift);
    }
    store_block(block, blocks);
  }
}

}  // namespace

constinit const Format kQ6_K = {DType::q6_k, "Q6_K", BlockQ6_K::kLen, sizeof(BlockQ6_K), decode, encode, kF16At<208>};

}  // namespace llorch
