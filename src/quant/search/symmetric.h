// Groups of weights without a min: weight = scale * q, q whole numbers from low to high.
#pragma once

#include <limits>

#include "quant/half.h"
#include "quant/search/fit.h"

namespace llorch::search {

struct Levels {
  float low;   // below 0
  float high;  // at least 0
};

template <int N>
void round_symmetric(const float* x, float inverse_scale, Levels levels, float* q) {
  for (int i = 0; i < N; ++i) {
    q[i] = round_in(x[i] * inverse_scale, levels.low, levels.high);
  }
}

/// The best scale of several that bring the extreme weight near `low`, each fitted to the integers that it gives.
template <int N>
float search_scale(const float* x, const float* w, Levels levels) {
  constexpr int kSteps = 9;  // to either side
  const float top = extreme(x, N);
  if (top == 0) {
    return 0;
  }
  float best = top / levels.low;
  float best_error = std::numeric_limits<float>::infinity();
  float q[N];
  for (int step = -kSteps; step <= kSteps; ++step) {
    round_symmetric<N>(x, (levels.low - 0.1F * static_cast<float>(step)) * inverse(top), levels, q);
    const float scale = fit_scale<N>(x, w, q);
    const float error = error_of<N>(x, w, q, scale);
    if (error < best_error) {
      best_error = error;
      best = scale;
    }
  }
  return best;
}

/// The f16 scale of a block of one group, and its integers: the best among `first`, the searched scale, and fits to
/// what either rounds to.
template <int N>
std::uint16_t search_f16(const float* x, const float* w, Levels levels, float first, float* q) {
  std::uint16_t best = f32_to_f16(first);
  round_symmetric<N>(x, inverse(f16_to_f32(best)), levels, q);
  float best_error = error_of<N>(x, w, q, f16_to_f32(best));
  float trial[N];
  for (float scale : {search_scale<N>(x, w, levels), fit_scale<N>(x, w, q)}) {
    for (int round = 0; round < 2; ++round) {
      const std::uint16_t d = f32_to_f16(scale);
      round_symmetric<N>(x, inverse(f16_to_f32(d)), levels, trial);
      const float error = error_of<N>(x, w, trial, f16_to_f32(d));
      if (error < best_error) {
        best_error = error;
        best = d;
        std::copy(trial, trial + N, q);
      }
      scale = fit_scale<N>(x, w, trial);
    }
  }
  return best;
}

}  // namespace llorch::search
