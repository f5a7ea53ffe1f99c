#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace llorch {
namespace {

std::int32_t drawn(const std::vector<float>& logits, const SamplingParams& params, std::uint32_t position = 0,
                   const std::vector<std::int32_t>& history = {}) {
  return sample(logits, {.params = params, .position = position, .history = history}).value();
}

/// Known answers of Philox4x32-10 (Random123's kat_vectors: counter and key all zero gives 6627e8d5 e169c58d ...).
TEST(Sampler, PhiloxMatchesItsKnownAnswer) {
  const std::uint64_t bits = (std::uint64_t{0x6627e8d5} << 32) | 0xe169c58d;
  EXPECT_EQ(uniform_draw(0, 0, 0), static_cast<double>(bits >> 11) * 0x1.0p-53);
}

TEST(Sampler, GreedyTakesTheLowestIdAmongEquals) {
  EXPECT_EQ(drawn({1, 3, 3, 2}, {.temperature = 0}), 1);
  EXPECT_EQ(drawn({-5}, {.temperature = 0}), 0);
}

TEST(Sampler, DrawDependsOnSeedChoiceAndPositionAlone) {
  const std::vector<float> flat(1000, 0.5F);
  EXPECT_EQ(drawn(flat, {.seed = 7}, 3), drawn(flat, {.seed = 7}, 3));
  EXPECT_NE(drawn(flat, {.seed = 7}, 3), drawn(flat, {.seed = 7}, 4));
  EXPECT_NE(drawn(flat, {.seed = 7}, 3), drawn(flat, {.seed = 8}, 3));
  EXPECT_NE(uniform_draw(7, 0, 3), uniform_draw(7, 1, 3));
}

TEST(Sampler, FollowsTheDistribution) {
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  std::vector<int> counts(3);
  constexpr int kDraws = 20000;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    ++counts[static_cast<std::size_t>(drawn(logits, {.seed = 42}, i))];
  }
  EXPECT_NEAR(counts[0], 0.5 * kDraws, 300);
  EXPECT_NEAR(counts[1], 0.3 * kDraws, 300);
  EXPECT_NEAR(counts[2], 0.2 * kDraws, 300);
}

/// Every token that a filter must exclude is never drawn, every other is.
void expect_support(const SamplingParams& params, const std::vector<float>& logits, const std::vector<bool>& allowed) {
  std::vector<bool> seen(logits.size());
  for (std::uint32_t i = 0; i < 4000; ++i) {
    seen[static_cast<std::size_t>(drawn(logits, params, i))] = true;
  }
  EXPECT_EQ(seen, allowed);
}

TEST(Sampler, FiltersKeepWhatTheyPromise) {
  const std::vector<float> logits = {std::log(0.2F), std::log(0.4F), std::log(0.1F), std::log(0.3F)};
  expect_support({}, logits, {true, true, true, true});
  expect_support({.top_k = 2}, logits, {false, true, false, true});
  expect_support({.top_p = 0.65F}, logits, {false, true, false, true});
  expect_support({.top_p = 0.0F}, logits, {false, true, false, false});
  expect_support({.min_p = 0.45F}, logits, {true, true, false, true});
  expect_support({.min_p = 1.0F}, logits, {false, true, false, false});
  expect_support({.top_k = 3, .top_p = 0.7F}, logits, {false, true, false, true});  // of the three that top-k kept
}

TEST(Sampler, PenaltiesFollowTheirFormulas) {
  const SamplingParams greedy{.temperature = 0};
  SamplingParams repetition = greedy;
  repetition.repetition_penalty = 2.0F;
  EXPECT_EQ(drawn({4, 3, -1}, repetition, 0, {0}), 1);   // 4 / 2 < 3
  EXPECT_EQ(drawn({-1, -1.5F}, repetition, 0, {0}), 1);  // -1 * 2 < -1.5
  SamplingParams presence = greedy;
  presence.presence_penalty = 1.5F;
  EXPECT_EQ(drawn({4, 3}, presence, 0, {0, 0, 0}), 1);
  SamplingParams frequency = greedy;
  frequency.frequency_penalty = 0.4F;
  EXPECT_EQ(drawn({4, 3}, frequency, 0, {0, 0}), 0);
  EXPECT_EQ(drawn({4, 3}, frequency, 0, {0, 0, 0}), 1);
}

TEST(Sampler, RefusesWhatIsNotANumber) {
  const std::vector<float> with_nan = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(sample(with_nan, {}).error().code, ErrorCode::internal);
  const std::vector<float> nothing(3, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(sample(nothing, {}).error().code, ErrorCode::internal);
}

}  // namespace
}  // namespace llorch
