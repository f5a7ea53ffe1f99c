// What the searches share: sums over a group of weights, rounding to a range, and least-squares fits. Loops of fixed
// length over arrays, so that compilers make vectors of them; sums run in 4 lanes, in one order on every machine.
#pragma once

#include <algorithm>
#include <cmath>

#include "quant/block.h"

namespace llorch::search {

/// The integer nearest to x (ties to even) in [low, high]. NaN stays NaN: a candidate that has one is dropped by its
/// error, which is NaN too.
inline float round_in(float x, float low, float high) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23: adding it leaves no room for a fraction
  return std::min(std::max((x + kMagic) - kMagic, low), high);
}

/// The sum of N values in 4 lanes.
template <int N, class Value>
float sum(Value value) {
  static_assert(N % 4 == 0);
  float lanes[4] = {};
  for (int i = 0; i < N; i += 4) {
    for (int lane = 0; lane < 4; ++lane) {
      lanes[lane] += value(i + lane);
    }
  }
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/// The scale s that brings s * q nearest to x, by weights w; 0 when all q are 0.
template <int N>
float fit_scale(const float* x, const float* w, const float* q) {
  const float xq = sum<N>([&](int i) { return w[i] * x[i] * q[i]; });
  const float qq = sum<N>([&](int i) { return w[i] * q[i] * q[i]; });
  return qq > 0 ? xq / qq : 0.0F;
}

/// Sum of w * (x - scale * q)^2.
template <int N>
float error_of(const float* x, const float* w, const float* q, float scale) {
  return sum<N>([&](int i) {
    const float e = x[i] - scale * q[i];
    return w[i] * e * e;
  });
}

/// 1 / x, or 0 where that is no number to multiply weights with.
inline float inverse(float x) {
  const float y = 1.0F / x;
  return std::isfinite(y) ? y : 0.0F;
}

/// Weights of all equal importance, for rows without one.
inline constexpr int kMaxBlock = 256;
struct Ones {
  float values[kMaxBlock];
  constexpr Ones() : values{} {
    for (float& value : values) {
      value = 1.0F;
    }
  }
};
inline constexpr Ones kOnes{};

}  // namespace llorch::search
