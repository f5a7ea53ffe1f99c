// E4M3, the 8-bit float of weights: 4 bits of exponent with bias 7, 3 of mantissa, no infinities; 0x7f and 0xff are NaN
// ("e4m3fn": Micikevicius et al., "FP8 Formats for Deep Learning", 2022; OCP 8-bit Floating Point Specification 1.0).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace llorch {

inline constexpr float kE4m3Max = 448.0f;

/// Exact.
inline float e4m3_to_f32(std::uint8_t bits) {
  const int exponent = (bits >> 3) & 15;
  const int mantissa = bits & 7;
  float magnitude = 0;
  if ((bits & 0x7f) == 0x7f) {
    magnitude = std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = static_cast<float>(mantissa) * 0x1p-9f;
  } else {
    magnitude = std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 120) << 23 |
                                     static_cast<std::uint32_t>(mantissa) << 20);
  }
  return std::copysign(magnitude, (bits & 0x80) != 0 ? -1.0f : 1.0f);
}

/// Rounds to nearest, ties to even; what is larger than kE4m3Max becomes kE4m3Max; NaN stays NaN.
inline std::uint8_t f32_to_e4m3(float value) {
  const int sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value)) {
    return static_cast<std::uint8_t>(sign | 0x7f);
  }
  const float magnitude = std::min(std::fabs(value), kE4m3Max);
  if (magnitude < 0x1p-6f) {  // subnormal: a multiple of 2^-9; 8 of them are the smallest normal number
    return static_cast<std::uint8_t>(sign | static_cast<int>(std::nearbyint(magnitude * 512.0f)));
  }
  const auto bits = std::bit_cast<std::uint32_t>(magnitude);
  const std::uint32_t rounded = bits + 0x7ffffU + ((bits >> 20) & 1U);
  return static_cast<std::uint8_t>(sign | static_cast<int>((rounded >> 20) - (120U << 3)));
}

}  // namespace llorch
