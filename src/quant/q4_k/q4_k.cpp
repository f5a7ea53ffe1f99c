#include "quant/q4_k/q4_k.h"

#include <algorithm>
#include <cstddef>

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

BlockQ4_K encode(const float* in) {
  const Q4KScales scales = encode_q4_k_scales(in, 15);
  BlockQ4_K block{scales.d, scales.dmin, {}, {}};
  std::copy_n(scales.packed, sizeof scales.packed, block.scales);
  for (int i = 0; i < BlockQ4_K::kLen; ++i) {
    const int group = i / BlockQ4_K::kGroup;
    const int q = nearest_in((in[i] + scales.minimum(group)) * inverse_or_zero(scales.scale(group)), 0, 15);
    block.qs[group / 2 * BlockQ4_K::kGroup + i % BlockQ4_K::kGroup] |= static_cast<std::uint8_t>(q << group % 2 * 4);
  }
  return block;
}

}  // namespace

constinit const Format kQ4_K = {DType::q4_k,
                                "Q4_K",
                                BlockQ4_K::kLen,
                                sizeof(BlockQ4_K),
                                decode,
                                encode_blocks<BlockQ4_K, encode>,
                                kF16At<offsetof(BlockQ4_K, d), offsetof(BlockQ4_K, dmin)>};

}  // namespace llorch
