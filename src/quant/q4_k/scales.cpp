#include "quant/q4_k/scales.h"

#include <algorithm>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {

float Q4KScales::scale(int group) const {
  return f16_to_f32(d) * static_cast<float>(q4_k_scale(packed, group));
}

float Q4KScales::minimum(int group) const {
  return f16_to_f32(dmin) * static_cast<float>(q4_k_min(packed, group));
}

Q4KScales encode_q4_k_scales(const float* in, int max_q) {
  constexpr int kGroups = 8;
  constexpr int kGroup = 32;
  float scales[kGroups];
  float minimums[kGroups];
  for (int group = 0; group < kGroups; ++group) {
    const float* x = in + group * kGroup;
    const auto [low, high] = std::minmax_element(x, x + kGroup);
    minimums[group] = std::max(0.0f, -*low);
    scales[group] = std::max(0.0f, *high + minimums[group]) / static_cast<float>(max_q);
  }
  Q4KScales out{f32_to_f16(*std::max_element(scales, scales + kGroups) / 63.0f),
                f32_to_f16(*std::max_element(minimums, minimums + kGroups) / 63.0f),
                {}};
  const float inverse_d = inverse_or_zero(f16_to_f32(out.d));
  const float inverse_dmin = inverse_or_zero(f16_to_f32(out.dmin));
  for (int group = 0; group < kGroups; ++group) {
    pack_q4_k_group(out.packed, group, nearest_in(scales[group] * inverse_d, 0, 63),
                    nearest_in(minimums[group] * inverse_dmin, 0, 63));
  }
  return out;
}

}  // namespace llorch
