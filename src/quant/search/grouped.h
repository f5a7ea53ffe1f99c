// Blocks whose groups have whole-number scales: weight = d * scale * level. Q6_K and IQ4_XS.
#pragma once

#include <algorithm>
#include <cstdint>

#include "quant/half.h"
#include "quant/search/fit.h"

namespace llorch::search {

/// `Form` says what a format is made of: kGroups of kGroup weights; scales from kLowScale to kHighScale;
/// wanted_scale(x, w), the best scale of a group alone; round(x, inverse_scale, levels), the nearest levels.
template <class Form>
struct GroupedBlock {
  std::uint16_t d = 0;  // f16
  int scales[Form::kGroups] = {};
  float levels[Form::kGroups * Form::kGroup] = {};
  float error = 0;
};

/// Chooses each group's scale, the one that is nearest to what it wants or a neighbour, and its levels; d stays.
template <class Form>
void choose_levels(const float* wanted, const float* x, const float* w, GroupedBlock<Form>& block) {
  constexpr int kGroup = Form::kGroup;
  const float d = f16_to_f32(block.d);
  block.error = 0;
  for (int g = 0; g < Form::kGroups; ++g) {
    const auto nearest = static_cast<int>(round_in(wanted[g] * inverse(d), Form::kLowScale, Form::kHighScale));
    float best = 0;
    for (const int step : {0, -1, 1}) {  // the nearest first: it stays where nothing is better
      const int scale = std::clamp(nearest + step, Form::kLowScale, Form::kHighScale);
      float levels[kGroup];
      Form::round(x + g * kGroup, inverse(d * static_cast<float>(scale)), levels);
      const float error = error_of<kGroup>(x + g * kGroup, w + g * kGroup, levels, d * static_cast<float>(scale));
      if (step == 0 || error < best) {
        best = error;
        block.scales[g] = scale;
        std::copy(levels, levels + kGroup, block.levels + g * kGroup);
      }
    }
    block.error += best;
  }
}

/// d by least squares, scales and levels kept.
template <class Form>
void fit_d(const float* x, const float* w, GroupedBlock<Form>& block) {
  constexpr int kGroup = Form::kGroup;
  double xl = 0;
  double ll = 0;
  for (int g = 0; g < Form::kGroups; ++g) {
    const float* l = block.levels + g * kGroup;
    const float* gx = x + g * kGroup;
    const float* gw = w + g * kGroup;
    const auto scale = static_cast<double>(block.scales[g]);
    xl += scale * static_cast<double>(sum<kGroup>([&](int i) { return gw[i] * gx[i] * l[i]; }));
    ll += scale * scale * static_cast<double>(sum<kGroup>([&](int i) { return gw[i] * l[i] * l[i]; }));
  }
  if (ll > 0) {
    block.d = f32_to_f16(static_cast<float>(xl / ll));
  }
}

/// The block nearest to x by importance w.
template <class Form>
GroupedBlock<Form> fit_grouped(const float* x, const float* w) {
  constexpr int kRounds = 2;
  float wanted[Form::kGroups];
  for (int g = 0; g < Form::kGroups; ++g) {
    wanted[g] = Form::wanted_scale(x + g * Form::kGroup, w + g * Form::kGroup);
  }
  GroupedBlock<Form> block;
  block.d = f32_to_f16(extreme(wanted, Form::kGroups) / static_cast<float>(Form::kLowScale));
  choose_levels(wanted, x, w, block);
  GroupedBlock<Form> best = block;
  for (int round = 0; round < kRounds; ++round) {
    fit_d(x, w, block);
    choose_levels(wanted, x, w, block);
    best = block.error < best.error ? block : best;
  }
  return best;
}

}  // namespace llorch::search
