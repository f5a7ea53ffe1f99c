// IQ4_NL and IQ4_XS: weight = scale * kIq4Values[q].
#include <algorithm>
#include <limits>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/iq4_xs/iq4_xs.h"
#include "quant/search/searches.h"

namespace llorch::search {
namespace {

constexpr int N = BlockIQ4_NL::kLen;
constexpr int kLen = BlockIQ4_XS::kLen;
constexpr int kGroups = kLen / N;
constexpr int kRounds = 2;
constexpr float kLow = kIq4Values[0];
constexpr float kHigh = kIq4Values[15];

/// Midpoints between the values: a weight's index is the number of those below it.
struct Midpoints {
  float at[15];
  constexpr Midpoints() : at{} {
    for (int i = 0; i < 15; ++i) {
      at[i] = 0.5F * static_cast<float>(kIq4Values[i] + kIq4Values[i + 1]);
    }
  }
};
constexpr Midpoints kMidpoints;

/// q: indices; v: their values.
void round_group(const float* x, float inverse_scale, std::uint8_t* q, float* v) {
  int index[N] = {};
  float scaled[N];
  for (int i = 0; i < N; ++i) {
    scaled[i] = x[i] * inverse_scale;
  }
  for (const float middle : kMidpoints.at) {
    for (int i = 0; i < N; ++i) {
      index[i] += scaled[i] > middle ? 1 : 0;
    }
  }
  for (int i = 0; i < N; ++i) {
    q[i] = static_cast<std::uint8_t>(index[i]);
    v[i] = kIq4Values[index[i]];
  }
}

/// The best scale of several that bring the extreme weight near either end of the values.
float search_scale(const float* x, const float* w) {
  constexpr int kSteps = 7;  // to either side
  const float top = extreme<N>(x);
  if (top == 0) {
    return 0;
  }
  float best = 0;
  float best_error = error_of<N>(x, w, x, 0);
  std::uint8_t q[N];
  float v[N];
  for (const float end : {kLow, kHigh}) {
    for (int step = -kSteps; step <= kSteps; ++step) {
      round_group(x, (end + 1.5F * static_cast<float>(step)) / top, q, v);
      const float scale = fit_scale<N>(x, w, v);
      const float error = error_of<N>(x, w, v, scale);
      if (error < best_error) {
        best_error = error;
        best = scale;
      }
    }
  }
  return best;
}

struct Candidate {
  std::uint16_t d = 0;
  int scales[kGroups] = {};
  std::uint8_t q[kLen] = {};
  float v[kLen] = {};
  float error = std::numeric_limits<float>::infinity();
};

/// Integers for the scales that the groups want, or their neighbours, with d as it is.
void quantise(const float* wanted, const float* x, const float* w, Candidate& c) {
  const float d = f16_to_f32(c.d);
  c.error = 0;
  for (int g = 0; g < kGroups; ++g) {
    const float* gx = x + g * N;
    float best = std::numeric_limits<float>::infinity();
    const auto nearest = static_cast<int>(round_in(wanted[g] * inverse(d), -32.0F, 31.0F));
    for (int scale = std::max(nearest - 1, -32); scale <= std::min(nearest + 1, 31); ++scale) {
      std::uint8_t q[N];
      float v[N];
      round_group(gx, inverse(d * static_cast<float>(scale)), q, v);
      const float error = error_of<N>(gx, w + g * N, v, d * static_cast<float>(scale));
      if (error < best) {
        best = error;
        c.scales[g] = scale;
        std::copy(q, q + N, c.q + g * N);
        std::copy(v, v + N, c.v + g * N);
      }
    }
    c.error += best;
  }
}

/// d by least squares, all integers kept.
void fit_d(const float* x, const float* w, Candidate& c) {
  double xv = 0;
  double vv = 0;
  for (int g = 0; g < kGroups; ++g) {
    const float* v = c.v + g * N;
    const auto scale = static_cast<double>(c.scales[g]);
    xv += scale * static_cast<double>(sum<N>([&](int i) { return w[g * N + i] * x[g * N + i] * v[i]; }));
    vv += scale * scale * static_cast<double>(sum<N>([&](int i) { return w[g * N + i] * v[i] * v[i]; }));
  }
  if (vv > 0) {
    c.d = f32_to_f16(static_cast<float>(xv / vv));
  }
}

Candidate fit_block(const float* x, const float* w) {
  float wanted[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    wanted[g] = search_scale(x + g * N, w + g * N);
  }
  Candidate best;
  Candidate c;
  c.d = f32_to_f16(extreme<kGroups>(wanted) / -32.0F);
  for (int round = 0; round < kRounds; ++round) {
    quantise(wanted, x, w, c);
    best = c.error < best.error ? c : best;
    fit_d(x, w, c);
  }
  quantise(wanted, x, w, c);
  return c.error < best.error ? c : best;
}

}  // namespace

void iq4_nl(const SearchRow& row, std::byte* out) {
  for_blocks<N>(row, [&](const float* x, const float* w) {
    BlockIQ4_NL block{f32_to_f16(search_scale(x, w)), {}};
    std::uint8_t q[N];
    float v[N];
    round_group(x, inverse(f16_to_f32(block.d)), q, v);
    for (int i = 0; i < N / 2; ++i) {
      block.qs[i] = static_cast<std::uint8_t>(q[i] | q[i + N / 2] << 4);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

void iq4_xs(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    const Candidate fitted = fit_block(x, w);
    BlockIQ4_XS block{};
    block.d = fitted.d;
    for (int g = 0; g < kGroups; ++g) {
      pack_iq4_xs_scale(block, g, fitted.scales[g]);
      const std::uint8_t* q = fitted.q + g * N;
      for (int i = 0; i < N / 2; ++i) {
        block.qs[g * N / 2 + i] = static_cast<std::uint8_t>(q[i] | q[i + N / 2] << 4);
      }
    }
    store_block(block, out);
    out += sizeof block;
  });
}

}  // namespace llorch::search
