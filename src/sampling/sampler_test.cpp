#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
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

/// The definition by its words: everything sorted, then each filter, then the draw.
std::int32_t drawn_from_sorted(const std::vector<float>& logits, const SamplingParams& p, std::uint32_t position) {
  std::vector<std::pair<float, std::int32_t>> sorted;  // -logit, id
  for (std::size_t i = 0; i < logits.size(); ++i) {
    sorted.emplace_back(-(logits[i] / p.temperature), static_cast<std::int32_t>(i));
  }
  std::sort(sorted.begin(), sorted.end());
  if (p.top_k > 0) {
    sorted.resize(std::min(sorted.size(), static_cast<std::size_t>(p.top_k)));
  }
  const auto weight = [&](std::size_t i) {
    return std::exp(static_cast<double>(sorted.front().first) - static_cast<double>(sorted[i].first));
  };
  const auto total = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      sum += weight(i);
    }
    return sum;
  };
  const auto first_over = [&](double goal, bool reached) {
    double sum = 0;
    std::size_t i = 0;
    for (; i + 1 < sorted.size(); ++i) {
      sum += weight(i);
      if (reached ? sum >= goal : sum > goal) {
        break;
      }
    }
    return i;
  };
  if (p.top_p < 1) {
    sorted.resize(first_over(static_cast<double>(p.top_p) * total(), true) + 1);
  }
  while (weight(sorted.size() - 1) < static_cast<double>(p.min_p)) {
    sorted.pop_back();
  }
  return sorted[first_over(uniform_draw(p.seed, 0, position) * total(), false)].second;
}

void expect_as_sorted(const std::vector<float>& logits, SamplingParams p) {
  for (std::uint32_t position = 0; position < 60; ++position) {
    p.seed = position;
    ASSERT_EQ(drawn(logits, p, position), drawn_from_sorted(logits, p, position)) << position;
  }
}

TEST(Sampler, DrawsWhatASortedVocabularyWouldGive) {
  const std::vector<SamplingParams> all = {{},
                                           {.temperature = 0.1F},
                                           {.temperature = 2.0F, .top_p = 0.5F},
                                           {.top_k = 1},
                                           {.top_k = 40, .top_p = 0.9F},
                                           {.top_k = 700},
                                           {.top_k = 100000, .min_p = 0.05F},
                                           {.temperature = 0.7F, .top_p = 0.95F, .min_p = 0.02F}};
  for (const float spread : {0.001F, 3.0F, 40.0F}) {  // all alike, as of a model, few that matter
    std::vector<float> logits(3000);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double u = uniform_draw(99, 0, static_cast<std::uint32_t>(i));
      logits[i] = spread * std::round(static_cast<float>(std::log(u + 1e-9)) * 8) / 8;  // with equals among them
    }
    for (const SamplingParams& p : all) {
      SCOPED_TRACE(spread);
      expect_as_sorted(logits, p);
    }
  }
}

/// One token far above all others, which together weigh more: draws and filters end among these.
TEST(Sampler, DrawsFarBelowTheBest) {
  std::vector<float> logits(3000);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = -6 - 6 * static_cast<float>(uniform_draw(98, 0, static_cast<std::uint32_t>(i)));
  }
  logits[1234] = 0;
  for (std::size_t i = 5; i < logits.size(); i += 50) {
    logits[i] = -28;
  }
  const std::vector<SamplingParams> all = {{},
                                           {.temperature = 2.0F},
                                           {.top_p = 0.99F},
                                           {.min_p = 1e-4F},
                                           {.top_k = 2000},
                                           {.top_k = 2990},
                                           {.top_k = 3000, .top_p = 0.9F},
                                           {.top_p = 0.999F, .min_p = 0.001F}};
  for (const SamplingParams& p : all) {
    expect_as_sorted(logits, p);
  }
}

/// In blocks and lanes of any place.
TEST(Sampler, GreedyFindsTheFirstOfTheLargest) {
  for (const std::size_t vocab : {1, 15, 16, 17, 1023, 1024, 1025, 3000}) {
    for (const std::size_t first : {std::size_t{0}, vocab / 2, vocab - 1}) {
      std::vector<float> logits(vocab, -7.0F);
      for (std::size_t i = first; i < vocab; i += 1 + first % 5) {
        logits[i] = -3.0F;
      }
      EXPECT_EQ(drawn(logits, {.temperature = 0}), static_cast<std::int32_t>(first)) << vocab;
      logits[vocab - 1] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_FALSE(sample(logits, {.params = {.temperature = 0}, .history = {}}).ok()) << vocab;
    }
  }
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

/// Logits that all overflow when they are divided are still told apart.
TEST(Sampler, ATinyTemperatureIsGreedy) {
  for (const float tiny : {1e-38F, 1e-45F}) {
    EXPECT_EQ(drawn({1, 20, 30, 30}, {.temperature = tiny}), 2);
    EXPECT_EQ(drawn({-20, -10, -30}, {.temperature = tiny}), 1);
  }
}

TEST(Sampler, RefusesWhatIsNotANumber) {
  const std::vector<float> with_nan = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(sample(with_nan, {}).error().code, ErrorCode::internal);
  std::vector<float> with_infinity(2000, 1.0F);
  with_infinity[7] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(sample(with_infinity, {}).error().message, "the model computed infinity for token 7");
  with_infinity[1500] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(sample(with_infinity, {}).error().message, "the model computed NaN for token 1500");
  const std::vector<float> nothing(3, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(sample(nothing, {}).error().code, ErrorCode::internal);
}

}  // namespace
}  // namespace llorch
