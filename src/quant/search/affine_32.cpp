// Q4_1 and Q5_1: 32 weights, weight = d * q + m.
#include <algorithm>
#include <limits>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/q4_1/q4_1.h"
#include "quant/q5_0/fifth_bits.h"
#include "quant/q5_1/q5_1.h"
#include "quant/search/searches.h"

namespace llorch::search {
namespace {

constexpr int kLen = 32;

struct Fitted {
  std::uint16_t d = 0;  // f16
  std::uint16_t m = 0;  // f16
  float q[kLen] = {};
  float error = std::numeric_limits<float>::infinity();
  bool is_set = false;
};

/// Rounds with d and m in f16, and keeps what is better than `best`.
void offer(const float* x, const float* w, float max_q, float d, float m, Fitted& best) {
  Fitted fitted{.d = f32_to_f16(d), .m = f32_to_f16(m), .is_set = true};
  const float scale = f16_to_f32(fitted.d);
  const float minimum = f16_to_f32(fitted.m);
  const float inverse_scale = inverse(scale);
  for (int i = 0; i < kLen; ++i) {
    fitted.q[i] = round_in((x[i] - minimum) * inverse_scale, 0.0F, max_q);
  }
  fitted.error = sum<kLen>([&](int i) {
    const float e = x[i] - (scale * fitted.q[i] + minimum);
    return w[i] * e * e;
  });
  if (!best.is_set || fitted.error < best.error) {  // the first stays if it is too large for f16: the caller sees it
    best = fitted;
  }
}

Fitted fit(const float* x, const float* w, float max_q) {
  constexpr int kSteps = 10;
  const auto [low, high] = std::minmax_element(x, x + kLen);
  Fitted best;
  offer(x, w, max_q, (*high - *low) / max_q, *low, best);
  for (int step = 0; step <= kSteps && *high > *low; ++step) {
    const float levels = max_q - 1.0F + 0.2F * static_cast<float>(step);
    float q[kLen];
    for (int i = 0; i < kLen; ++i) {
      q[i] = round_in((x[i] - *low) * (levels / (*high - *low)), 0.0F, max_q);
    }
    const float sw = sum<kLen>([&](int i) { return w[i]; });
    const float sq = sum<kLen>([&](int i) { return w[i] * q[i]; });
    const float sx = sum<kLen>([&](int i) { return w[i] * x[i]; });
    const float sqq = sum<kLen>([&](int i) { return w[i] * q[i] * q[i]; });
    const float sqx = sum<kLen>([&](int i) { return w[i] * q[i] * x[i]; });
    const float determinant = sw * sqq - sq * sq;
    if (determinant > 0) {
      offer(x, w, max_q, (sw * sqx - sq * sx) / determinant, (sqq * sx - sq * sqx) / determinant, best);
    }
  }
  return best;
}

}  // namespace

void q4_1(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    const Fitted fitted = fit(x, w, 15);
    BlockQ4_1 block{fitted.d, fitted.m, {}};
    for (int i = 0; i < kLen / 2; ++i) {
      block.qs[i] =
          static_cast<std::uint8_t>(static_cast<int>(fitted.q[i]) | static_cast<int>(fitted.q[i + kLen / 2]) << 4);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

void q5_1(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    const Fitted fitted = fit(x, w, 31);
    BlockQ5_1 block{fitted.d, fitted.m, {}, {}};
    for (int i = 0; i < kLen; ++i) {
      store_q5_value(block.qs, block.qh, i, static_cast<int>(fitted.q[i]));
    }
    store_block(block, out);
    out += sizeof block;
  });
}

}  // namespace llorch::search
