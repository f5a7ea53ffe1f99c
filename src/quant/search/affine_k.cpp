#include "quant/search/affine_k.h"

#include <algorithm>
#include <limits>

#include "quant/half.h"
#include "quant/search/fit.h"

namespace llorch::search {
namespace {

constexpr int kGroup = kAffineGroup;
constexpr int kSteps = 12;  // step sizes that are tried for a group
constexpr int kRounds = 3;  // times that a block is improved as a whole
constexpr float kMaxScale = 63.0F;

/// weight = scale * q - min, scale and min >= 0.
struct Group {
  float scale = 0;
  float min = 0;
  float error = std::numeric_limits<float>::infinity();
};

void round_group(const float* x, float inverse_scale, float min, float max_q, float* q) {
  for (int i = 0; i < kGroup; ++i) {
    q[i] = round_in((x[i] + min) * inverse_scale, 0.0F, max_q);
  }
}

float group_error(const float* x, const float* w, const float* q, float scale, float min) {
  return sum<kGroup>([&](int i) {
    const float e = x[i] - (scale * q[i] - min);
    return w[i] * e * e;
  });
}

/// Least squares for the given integers.
Group fit_group(const float* x, const float* w, const float* q) {
  const float sw = sum<kGroup>([&](int i) { return w[i]; });
  const float sq = sum<kGroup>([&](int i) { return w[i] * q[i]; });
  const float sx = sum<kGroup>([&](int i) { return w[i] * x[i]; });
  const float sqq = sum<kGroup>([&](int i) { return w[i] * q[i] * q[i]; });
  const float sqx = sum<kGroup>([&](int i) { return w[i] * q[i] * x[i]; });
  const float determinant = sw * sqq - sq * sq;
  Group group;
  if (determinant > 0) {
    group.scale = (sw * sqx - sq * sx) / determinant;
    group.min = (sq * sqx - sqq * sx) / determinant;
  }
  if (!(determinant > 0) || group.min < 0) {
    group.min = 0;
    group.scale = sqq > 0 ? sqx / sqq : 0.0F;
  }
  if (!(group.scale > 0)) {
    group = {.scale = 0, .min = sw > 0 ? std::max(0.0F, -sx / sw) : 0.0F};
  }
  group.error = group_error(x, w, q, group.scale, group.min);
  return group;
}

/// The best of several step sizes, each with the integers that it rounds to.
Group search_group(const float* x, const float* w, float max_q) {
  const auto [lowest, highest] = std::minmax_element(x, x + kGroup);
  const float low = std::min(0.0F, *lowest);  // a min is not negative
  const float range = *highest - low;
  if (!(range > 0)) {
    return {.scale = 0, .min = -low, .error = 0};
  }
  Group best{.scale = range / max_q, .min = -low};
  float q[kGroup];
  for (int step = 0; step <= kSteps; ++step) {
    const float levels = max_q - 1.2F + 0.2F * static_cast<float>(step);  // a range that is cut a little may fit better
    round_group(x, levels / range, -low, max_q, q);
    Group group = fit_group(x, w, q);
    if (group.error < best.error) {
      best = group;
    }
  }
  return best;
}

/// A block in floats: what the search changes.
struct Candidate {
  AffineBlock block;
  float q[kAffineLen] = {};
  float error = std::numeric_limits<float>::infinity();
};

float scale_of(const AffineBlock& block, int group) {
  return f16_to_f32(block.d) * static_cast<float>(block.scales[group]);
}
float min_of(const AffineBlock& block, int group) {
  return f16_to_f32(block.dmin) * static_cast<float>(block.mins[group]);
}

/// Rounds one group with its 6-bit scale and min.
float round_with(const AffineBlock& block, int group, const float* x, const float* w, float max_q, float* q) {
  const float scale = scale_of(block, group);
  const float min = min_of(block, group);
  round_group(x, inverse(scale), min, max_q, q);
  return group_error(x, w, q, scale, min);
}

/// Scales and mins in 6 bits, and the nearest integers.
void quantise(const Group* groups, const float* x, const float* w, float max_q, Candidate& c) {
  const float inverse_d = inverse(f16_to_f32(c.block.d));
  const float inverse_dmin = inverse(f16_to_f32(c.block.dmin));
  c.error = 0;
  for (int g = 0; g < kAffineGroups; ++g) {
    c.block.scales[g] = static_cast<int>(round_in(groups[g].scale * inverse_d, 0.0F, kMaxScale));
    c.block.mins[g] = static_cast<int>(round_in(groups[g].min * inverse_dmin, 0.0F, kMaxScale));
    c.error += round_with(c.block, g, x + g * kGroup, w + g * kGroup, max_q, c.q + g * kGroup);
  }
}

/// d and dmin by least squares over the block, all integers kept.
void fit_d(const float* x, const float* w, Candidate& c) {
  double aa = 0;
  double ab = 0;
  double bb = 0;
  double ax = 0;
  double bx = 0;
  for (int g = 0; g < kAffineGroups; ++g) {
    const float* gx = x + g * kGroup;
    const float* gw = w + g * kGroup;
    const float* q = c.q + g * kGroup;
    const auto s = static_cast<double>(c.block.scales[g]);
    const auto m = static_cast<double>(c.block.mins[g]);
    aa += s * s * static_cast<double>(sum<kGroup>([&](int i) { return gw[i] * q[i] * q[i]; }));
    ab -= s * m * static_cast<double>(sum<kGroup>([&](int i) { return gw[i] * q[i]; }));
    bb += m * m * static_cast<double>(sum<kGroup>([&](int i) { return gw[i]; }));
    ax += s * static_cast<double>(sum<kGroup>([&](int i) { return gw[i] * q[i] * gx[i]; }));
    bx -= m * static_cast<double>(sum<kGroup>([&](int i) { return gw[i] * gx[i]; }));
  }
  const double determinant = aa * bb - ab * ab;
  double d = aa > 0 ? ax / aa : 0;
  double dmin = static_cast<double>(f16_to_f32(c.block.dmin));
  if (determinant > 1e-9 * aa * bb) {
    d = (bb * ax - ab * bx) / determinant;
    dmin = (aa * bx - ab * ax) / determinant;
  } else if (aa > 0 && bb > 0) {
    d = (ax - ab * dmin) / aa;
  } else if (bb > 0) {
    dmin = bx / bb;
  }
  if (d >= 0 && dmin >= 0) {
    c.block.d = f32_to_f16(static_cast<float>(d));
    c.block.dmin = f32_to_f16(static_cast<float>(dmin));
  }
}

struct Move {
  int scale, min;
};
constexpr Move kMoves[] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {-1, -1}};

/// Moves each group's 6-bit scale and min to a neighbour as long as that helps.
void try_neighbours(const float* x, const float* w, float max_q, Candidate& c) {
  c.error = 0;
  for (int g = 0; g < kAffineGroups; ++g) {
    const float* gx = x + g * kGroup;
    const float* gw = w + g * kGroup;
    float* q = c.q + g * kGroup;
    float best = round_with(c.block, g, gx, gw, max_q, q);
    float trial[kGroup];
    for (const Move& move : kMoves) {
      const int scale = c.block.scales[g];
      const int min = c.block.mins[g];
      c.block.scales[g] = std::clamp(scale + move.scale, 0, 63);
      c.block.mins[g] = std::clamp(min + move.min, 0, 63);
      const float error = round_with(c.block, g, gx, gw, max_q, trial);
      if (error < best) {
        best = error;
        std::copy(trial, trial + kGroup, q);
      } else {
        c.block.scales[g] = scale;
        c.block.mins[g] = min;
      }
    }
    c.error += best;
  }
}

}  // namespace

AffineBlock fit_affine(const float* x, const float* w, int max_q) {
  const auto top = static_cast<float>(max_q);
  Group groups[kAffineGroups];
  float max_scale = 0;
  float max_min = 0;
  for (int g = 0; g < kAffineGroups; ++g) {
    groups[g] = search_group(x + g * kGroup, w + g * kGroup, top);
    max_scale = std::max(max_scale, groups[g].scale);
    max_min = std::max(max_min, groups[g].min);
  }
  Candidate c;
  c.block.d = f32_to_f16(max_scale / kMaxScale);
  c.block.dmin = f32_to_f16(max_min / kMaxScale);
  quantise(groups, x, w, top, c);
  Candidate best = c;  // scales beyond f16 stay infinite, for the caller to see
  for (int round = 0; round < kRounds; ++round) {
    fit_d(x, w, c);
    try_neighbours(x, w, top, c);
    if (!(c.error < best.error)) {
      break;
    }
    best = c;
  }
  std::copy(best.q, best.q + kAffineLen, best.block.q);
  return best.block;
}

}  // namespace llorch::search
