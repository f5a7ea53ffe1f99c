// Q6_K: 16 groups of 16 with 8-bit scales. Each group finds its scale; then d and the scales are fitted together.
#include "quant/q6_k/q6_k.h"

#include <limits>

#include "quant/block.h"
#include "quant/search/searches.h"
#include "quant/search/symmetric.h"

namespace llorch::search {
namespace {

constexpr int N = BlockQ6_K::kGroup;
constexpr int kLen = BlockQ6_K::kLen;
constexpr int kGroups = kLen / N;
constexpr Levels kLevels{-32, 31};
constexpr int kRounds = 2;

struct Candidate {
  std::uint16_t d = 0;
  int scales[kGroups] = {};
  float q[kLen] = {};
  float error = std::numeric_limits<float>::infinity();
};

/// Rounds group g with its scale.
float round_group(const Candidate& c, int g, const float* x, const float* w, float* q) {
  const float scale = f16_to_f32(c.d) * static_cast<float>(c.scales[g]);
  round_symmetric<N>(x + g * N, inverse(scale), kLevels, q);
  return error_of<N>(x + g * N, w + g * N, q, scale);
}

/// The scale in 8 bits, or a neighbour where that is better.
void choose_scale(int nearest, int g, const float* x, const float* w, Candidate& c) {
  float best = std::numeric_limits<float>::infinity();
  int best_scale = nearest;
  float trial[N];
  for (int scale = std::max(nearest - 1, -128); scale <= std::min(nearest + 1, 127); ++scale) {
    c.scales[g] = scale;
    const float error = round_group(c, g, x, w, trial);
    if (error < best) {
      best = error;
      best_scale = scale;
      std::copy(trial, trial + N, c.q + g * N);
    }
  }
  c.scales[g] = best_scale;
  c.error += best;
}

/// Integers for the scales that the groups want, with d as it is.
void quantise(const float* wanted, const float* x, const float* w, Candidate& c) {
  const float inverse_d = inverse(f16_to_f32(c.d));
  c.error = 0;
  for (int g = 0; g < kGroups; ++g) {
    choose_scale(static_cast<int>(round_in(wanted[g] * inverse_d, -128.0F, 127.0F)), g, x, w, c);
  }
}

/// d by least squares, all integers kept.
void fit_d(const float* x, const float* w, Candidate& c) {
  double xq = 0;
  double qq = 0;
  for (int g = 0; g < kGroups; ++g) {
    const float* q = c.q + g * N;
    const auto scale = static_cast<double>(c.scales[g]);
    xq += scale * static_cast<double>(sum<N>([&](int i) { return w[g * N + i] * x[g * N + i] * q[i]; }));
    qq += scale * scale * static_cast<double>(sum<N>([&](int i) { return w[g * N + i] * q[i] * q[i]; }));
  }
  if (qq > 0) {
    c.d = f32_to_f16(static_cast<float>(xq / qq));
  }
}

void store(const Candidate& c, std::byte* out) {
  BlockQ6_K block{};
  block.d = c.d;
  for (int g = 0; g < kGroups; ++g) {
    block.scales[g] = static_cast<std::int8_t>(c.scales[g]);
  }
  for (int i = 0; i < kLen; ++i) {
    const int q = static_cast<int>(c.q[i]) + 32;
    const Q6KPlace at = q6_k_at(i);
    block.ql[at.low] |= static_cast<std::uint8_t>((q & 15) << at.low_shift);
    block.qh[at.high] |= static_cast<std::uint8_t>((q >> 4) << at.high_shift);
  }
  store_block(block, out);
}

}  // namespace

void q6_k(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    float wanted[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      wanted[g] = search_scale<N>(x + g * N, w + g * N, kLevels);
    }
    Candidate best;
    Candidate c;
    c.d = f32_to_f16(extreme<kGroups>(wanted) / -128.0F);
    for (int round = 0; round < kRounds; ++round) {
      quantise(wanted, x, w, c);
      best = c.error < best.error ? c : best;
      fit_d(x, w, c);
    }
    quantise(wanted, x, w, c);
    store(c.error < best.error ? c : best, out);
    out += sizeof(BlockQ6_K);
  });
}

}  // namespace llorch::search
