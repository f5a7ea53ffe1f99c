// What Q4_K and Q5_K share: 8 groups of 32 weights, each with a scale and a minimum of 6 bits in 12 bytes.
#pragma once

#include <cstdint>

namespace llorch {

/// Scale of a group, 0..63.
constexpr int q4_k_scale(const std::uint8_t* scales, int group) {
  return group < 4 ? scales[group] & 63 : (scales[group + 4] & 15) | (scales[group - 4] >> 6) << 4;
}

/// Minimum of a group, 0..63.
constexpr int q4_k_min(const std::uint8_t* scales, int group) {
  return group < 4 ? scales[group + 4] & 63 : (scales[group + 4] >> 4) | (scales[group] >> 6) << 4;
}

/// The inverse of q4_k_scale and q4_k_min for one group; `scales` starts as zeros.
inline void pack_q4_k_group(std::uint8_t* scales, int group, int scale, int minimum) {
  if (group < 4) {
    scales[group] |= static_cast<std::uint8_t>(scale);
    scales[group + 4] |= static_cast<std::uint8_t>(minimum);
  } else {
    scales[group + 4] |= static_cast<std::uint8_t>((scale & 15) | (minimum & 15) << 4);
    scales[group - 4] |= static_cast<std::uint8_t>(scale >> 4 << 6);
    scales[group] |= static_cast<std::uint8_t>(minimum >> 4 << 6);
  }
}

/// Scales of a whole block as it stores them.
struct Q4KScales {
  std::uint16_t d, dmin;  // f16
  std::uint8_t packed[12];

  float scale(int group) const;
  float minimum(int group) const;
};

/// Plain rounding: each group's range, which includes 0 as minimums are not negative, becomes 0..max_q.
Q4KScales encode_q4_k_scales(const float* in, int max_q);

}  // namespace llorch
