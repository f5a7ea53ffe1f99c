// split_tokens of every table, to the bits of the definition.
#include "sampling/split_tokens.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "harness.h"
#include "sampling/sampler.h"
#include "sampling/weigh.h"

namespace llorch::test {
namespace {

struct Split {
  std::vector<std::int32_t> near;
  std::uint64_t far;
  bool operator==(const Split&) const = default;
};

/// From logit `begin` on.
Split split_by(SplitTokens split, const std::vector<float>& logits, std::size_t begin, double reach) {
  Split out = {std::vector<std::int32_t>(logits.size() - begin, -1), 0};
  const auto best = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  const SplitWeights found =
      split(logits.data() + begin, static_cast<int>(logits.size() - begin), best, reach, out.near.data());
  out.near.resize(static_cast<std::size_t>(found.n_near));
  out.far = found.far;
  return out;
}

/// Some of them where near ends and where weights do, some of no weight at all.
std::vector<float> logits_of(int vocab, float spread) {
  std::vector<float> logits = random_floats(static_cast<std::size_t>(vocab), 5);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = i % 11 == 3 ? -INFINITY : i % 7 == 5 ? -5 : i % 7 == 6 ? -29 : -spread * std::fabs(logits[i]);
  }
  logits[0] = 0;
  return logits;
}

TEST(SplitTokens, EveryTableGivesTheSameBits) {
  for (const float spread : {0.001F, 4.0F, 30.0F, 1e30F}) {
    for (const int vocab : {2, 3, 4, 7, 8, 9, 16, 31, 257, 4099}) {
      const std::vector<float> logits = logits_of(vocab, spread);
      for (const std::size_t begin : {0, 1}) {
        for (const double reach : {0.1, 5.0, kWeightReach}) {
          const Split want = split_by(split_tokens, logits, begin, reach);
          for (const OpTable& table : tables()) {
            EXPECT_EQ(split_by(table.split_tokens, logits, begin, reach), want)
                << table.name << " " << vocab << " " << spread << " " << reach;
          }
        }
      }
    }
  }
}

TEST(SplitTokens, NearIsLess) {
  const std::vector<float> logits = {0, -5, std::nextafter(-5.0F, 0.0F), -29, -40, -INFINITY};
  const Split split = split_by(split_tokens, logits, 0, 5.0);
  EXPECT_EQ(split.near, (std::vector<std::int32_t>{0, 2}));
  EXPECT_EQ(split.far, whole(units_of(cut_below(5.0))));
  EXPECT_EQ(split_by(split_tokens, logits, 0, kWeightReach).far, 0U);
}

TEST(SplitTokens, DrawsAreTheSameByEveryTable) {
  const std::vector<float> logits = logits_of(5000, 30.0F);
  for (const SamplingParams& params : {SamplingParams{}, SamplingParams{.temperature = 3.0F, .top_p = 0.9F}}) {
    for (std::uint32_t position = 0; position < 50; ++position) {
      const SampleSpec spec = {.params = params, .position = position, .history = {}};
      for (const OpTable& table : tables()) {
        EXPECT_EQ(*sample(logits, spec, table.split_tokens), *sample(logits, spec)) << table.name;
      }
    }
  }
}

}  // namespace
}  // namespace llorch::test
