#include "quant/q4_k/q4_k.h"

#include <algorithm>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kGroups = BlockQ4_K::kLen / BlockQ4_K::kGroup;

void decode(const std::byte* blocks, float* out, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const auto block = load_block<BlockQ4_K>(blocks + b * static_cast<std::int64_t>(sizeof(BlockQ4_K)));
    const float d = f16_to_f32(block.d);
    const float dmin = f16_to_f32(block.dmin);
    for (int group = 0; group < kGroups; ++group) {
      const float scale = d * static_cast<float>(q4_k_scale(block.scales, group));
      const float minimum = dmin * static_cast<float>(q4_k_min(block.scales, group));
      const std::uint8_t* qs = block.qs + group / 2 * BlockQ4_K::kGroup;
      const int shift = group % 2 * 4;
      for (int i = 0; i < BlockQ4_K::kGroup; ++i) {
        *out++ = scale * static_cast<float>((qs[i] >> shift) & 15) - minimum;
      }
    }
  }
}

/// The inverse of q4_k_scale and q4_k_min for one group; `scales` starts as zeros.
void pack_group(std::uint8_t* scales, int group, int scale, int minimum) {
  if (group < 4) {
    scales[group] |= static_cast<std::uint8_t>(scale);
    scales[group + 4] |= static_cast<std::uint8_t>(minimum);
  } else {
    scales[group + 4] |= static_cast<std::uint8_t>((scale & 15) | (minimum & 15) << 4);
    scales[group - 4] |= static_cast<std::uint8_t>(scale >> 4 << 6);
    scales[group] |= static_cast<std::uint8_t>(minimum >> 4 << 6);
  }
}

/// d, dmin and the packed scales, from each group's range; the range includes 0, as minimums are not negative.
void encode_scales(const float* in, BlockQ4_K& block) {
  float scales[kGroups];
  float minimums[kGroups];
  for (int group = 0; group < kGroups; ++group) {
    const float* x = in + group * BlockQ4_K::kGroup;
    const auto [low, high] = std::minmax_element(x, x + BlockQ4_K::kGroup);
    minimums[group] = std::max(0.0f, -*low);
    scales[group] = std::max(0.0f, *high + minimums[group]) / 15.0f;
  }
  block.d = f32_to_f16(*std::max_element(scales, scales + kGroups) / 63.0f);
  block.dmin = f32_to_f16(*std::max_element(minimums, minimums + kGroups) / 63.0f);
  const float inverse_d = inverse_or_zero(f16_to_f32(block.d));
  const float inverse_dmin = inverse_or_zero(f16_to_f32(block.dmin));
  for (int group = 0; group < kGroups; ++group) {
    pack_group(block.scales, group, nearest_in(scales[group] * inverse_d, 0, 63),
               nearest_in(minimums[group] * inverse_dmin, 0, 63));
  }
}

void encode(const float* in, std::byte* blocks, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, in += BlockQ4_K::kLen, blocks += sizeof(BlockQ4_K)) {
    BlockQ4_K block{};
    encode_scales(in, block);
    for (int i = 0; i < BlockQ4_K::kLen; ++i) {
      const int group = i / BlockQ4_K::kGroup;
      const float scale = f16_to_f32(block.d) * static_cast<float>(q4_k_scale(block.scales, group));
      const float minimum = f16_to_f32(block.dmin) * static_cast<float>(q4_k_min(block.scales, group));
      const int q = nearest_in((in[i] + minimum) * inverse_or_zero(scale), 0, 15);
      block.qs[group / 2 * BlockQ4_K::kGroup + i % BlockQ4_K::kGroup] |= static_cast<std::uint8_t>(q << group % 2 * 4);
    }
    store_block(block, blocks);
  }
}

}  // namespace

constinit const Format kQ4_K = {DType::q4_k, "Q4_K", BlockQ4_K::kLen, sizeof(BlockQ4_K), decode, encode};

}  // namespace llorch
