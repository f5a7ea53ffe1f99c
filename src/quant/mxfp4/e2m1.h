// E2M1, the 4-bit float of MXFP4 and NVFP4: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives from code 8 on. OCP
// Microscaling Formats (MX) 1.0.
#pragma once

#include <cmath>
#include <cstdint>

namespace llorch {

/// Twice the values, so that they are whole. Code 8, -0, is 0: as in ggml.
inline constexpr std::int8_t kTwiceE2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// The code of the value nearest to x, given in halves.
inline int nearest_e2m1(float x) {
  int best = 0;
  for (int code = 1; code < 8; ++code) {
    const float here = std::fabs(static_cast<float>(kTwiceE2m1[code]) - std::fabs(x));
    best = here < std::fabs(static_cast<float>(kTwiceE2m1[best]) - std::fabs(x)) ? code : best;
  }
  return best == 0 || x >= 0 ? best : best + 8;
}

}  // namespace llorch
