#include "quant/q6_k/q6_k.h"

#include "quant/block.h"
#include "quant/search/grouped.h"
#include "quant/search/searches.h"
#include "quant/search/symmetric.h"

namespace llorch::search {
namespace {

struct Q6KForm {
  static constexpr int kGroup = BlockQ6_K::kGroup;
  static constexpr int kGroups = BlockQ6_K::kLen / kGroup;
  static constexpr int kLowScale = -128;
  static constexpr int kHighScale = 127;
  static constexpr Levels kLevels{-32, 31};

  static float wanted_scale(const float* x, const float* w) { return search_scale<kGroup>(x, w, kLevels); }
  static void round(const float* x, float inverse_scale, float* levels) {
    round_symmetric<kGroup>(x, inverse_scale, kLevels, levels);
  }
};

}  // namespace

void q6_k(const SearchRow& row, std::byte* out) {
  for_blocks<BlockQ6_K::kLen>(row, [&](const float* x, const float* w) {
    const GroupedBlock<Q6KForm> fitted = fit_grouped<Q6KForm>(x, w);
    BlockQ6_K block{};
    block.d = fitted.d;
    for (int g = 0; g < Q6KForm::kGroups; ++g) {
      block.scales[g] = static_cast<std::int8_t>(fitted.scales[g]);
    }
    for (int i = 0; i < BlockQ6_K::kLen; ++i) {
      const int q = static_cast<int>(fitted.levels[i]) + 32;
      const Q6KPlace at = q6_k_at(i);
      block.ql[at.low] |= static_cast<std::uint8_t>((q & 15) << at.low_shift);
      block.qh[at.high] |= static_cast<std::uint8_t>((q >> 4) << at.high_shift);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

}  // namespace llorch::search
