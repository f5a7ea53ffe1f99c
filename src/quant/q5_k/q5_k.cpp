#include "quant/q5_k/q5_k.h"

#include <algorithm>
#include <cstddef>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kGroup = BlockQ5_K::kGroup;

void decode(const BlockQ5_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (int group = 0; group < BlockQ5_K::kLen / kGroup; ++group) {
    const float scale = d * static_cast<float>(q4_k_scale(block.scales, group));
    const float minimum = dmin * static_cast<float>(q4_k_min(block.scales, group));
    const std::uint8_t* qs = block.qs + group / 2 * kGroup;
    for (int i = 0; i < kGroup; ++i) {
      const int q = ((qs[i] >> group % 2 * 4) & 15) | (block.qh[i] >> group & 1) << 4;
      *out++ = scale * static_cast<float>(q) - minimum;
    }
  }
}

BlockQ5_K encode(const float* in) {
  const Q4KScales scales = encode_q4_k_scales(in, 31);
  BlockQ5_K block{scales.d, scales.dmin, {}, {}, {}};
  std::copy_n(scales.packed, sizeof scales.packed, block.scales);
  for (int i = 0; i < BlockQ5_K::kLen; ++i) {
    const int group = i / kGroup;
    const int q = nearest_in((in[i] + scales.minimum(group)) * inverse_or_zero(scales.scale(group)), 0, 31);
    block.qs[group / 2 * kGroup + i % kGroup] |= static_cast<std::uint8_t>((q & 15) << group % 2 * 4);
    block.qh[i % kGroup] |= static_cast<std::uint8_t>(q >> 4 << group);
  }
  return block;
}

}  // namespace

constinit const Format kQ5_K = {DType::q5_k,
                                "Q5_K",
                                BlockQ5_K::kLen,
                                sizeof(BlockQ5_K),
                                decode_blocks<BlockQ5_K, decode>,
                                encode_blocks<BlockQ5_K, encode>,
                                kF16At<offsetof(BlockQ5_K, d), offsetof(BlockQ5_K, dmin)>};

}  // namespace llorch
