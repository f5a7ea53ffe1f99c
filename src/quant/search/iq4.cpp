// IQ4_NL and IQ4_XS: weight = scale * kIq4Values[q].
#include <algorithm>
#include <limits>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/iq4_xs/iq4_xs.h"
#include "quant/search/grouped.h"
#include "quant/search/searches.h"

namespace llorch::search {
namespace {

constexpr int kGroup = BlockIQ4_NL::kLen;
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

/// The nearest of the 16 values.
void round_group(const float* x, float inverse_scale, float* levels) {
  int index[kGroup] = {};
  float scaled[kGroup];
  for (int i = 0; i < kGroup; ++i) {
    scaled[i] = x[i] * inverse_scale;
  }
  for (const float middle : kMidpoints.at) {
    for (int i = 0; i < kGroup; ++i) {
      index[i] += scaled[i] > middle ? 1 : 0;
    }
  }
  for (int i = 0; i < kGroup; ++i) {
    levels[i] = kIq4Values[index[i]];
  }
}

/// The best scale of several that bring the extreme weight near either end of the values.
float search_scale(const float* x, const float* w) {
  constexpr int kSteps = 7;  // to either side
  const float top = extreme(x, kGroup);
  if (top == 0) {
    return 0;
  }
  float best = top / kLow;
  float best_error = std::numeric_limits<float>::infinity();
  float levels[kGroup];
  for (const float end : {kLow, kHigh}) {
    for (int step = -kSteps; step <= kSteps; ++step) {
      round_group(x, (end + 1.5F * static_cast<float>(step)) * inverse(top), levels);
      const float scale = fit_scale<kGroup>(x, w, levels);
      const float error = error_of<kGroup>(x, w, levels, scale);
      if (error < best_error) {
        best_error = error;
        best = scale;
      }
    }
  }
  return best;
}

struct Iq4Form {
  static constexpr int kGroup = BlockIQ4_XS::kGroup;
  static constexpr int kGroups = BlockIQ4_XS::kLen / kGroup;
  static constexpr int kLowScale = -32;
  static constexpr int kHighScale = 31;

  static float wanted_scale(const float* x, const float* w) { return search_scale(x, w); }
  static void round(const float* x, float inverse_scale, float* levels) { round_group(x, inverse_scale, levels); }
};

/// Bytes of 32 levels: the first half in the low halves.
void pack_levels(const float* levels, std::uint8_t* qs) {
  for (int i = 0; i < kGroup / 2; ++i) {
    qs[i] = static_cast<std::uint8_t>(nearest_iq4(levels[i]) | nearest_iq4(levels[i + kGroup / 2]) << 4);
  }
}

}  // namespace

void iq4_nl(const SearchRow& row, std::byte* out) {
  for_blocks<kGroup>(row, [&](const float* x, const float* w) {
    BlockIQ4_NL block{f32_to_f16(search_scale(x, w)), {}};
    float levels[kGroup];
    round_group(x, inverse(f16_to_f32(block.d)), levels);
    pack_levels(levels, block.qs);
    store_block(block, out);
    out += sizeof block;
  });
}

void iq4_xs(const SearchRow& row, std::byte* out) {
  for_blocks<BlockIQ4_XS::kLen>(row, [&](const float* x, const float* w) {
    const GroupedBlock<Iq4Form> fitted = fit_grouped<Iq4Form>(x, w);
    BlockIQ4_XS block{};
    block.d = fitted.d;
    for (int g = 0; g < Iq4Form::kGroups; ++g) {
      pack_iq4_xs_scale(block, g, fitted.scales[g]);
      pack_levels(fitted.levels + g * kGroup, block.qs + g * kGroup / 2);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

}  // namespace llorch::search
