#include "cli/divergence.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "cli/logits_difference.h"

namespace llorch::cli {
namespace {

std::vector<float> log_of(const std::vector<double>& probabilities) {
  std::vector<float> logs;
  for (const double p : probabilities) {
    logs.push_back(static_cast<float>(std::log(p)));
  }
  return logs;
}

TEST(Divergence, OfKnownDistributions) {
  const auto p = log_of({0.5, 0.25, 0.25});
  const auto q = log_of({0.25, 0.25, 0.5});
  EXPECT_NEAR(kl_divergence(p, q), 0.5 * std::log(2.0) - 0.25 * std::log(2.0), 1e-7);
  EXPECT_EQ(kl_divergence(p, p), 0);
}

TEST(Divergence, IsNotBelowZeroWhereRoundingIsAllThatDiffers) {
  std::vector<float> p(5000, static_cast<float>(-std::log(5000.0)));
  std::vector<float> q = p;
  for (std::size_t i = 0; i < q.size(); ++i) {
    q[i] = std::nextafter(q[i], i % 2 == 0 ? 0.0F : -20.0F);
  }
  EXPECT_GE(kl_divergence(p, q), 0);
  EXPECT_LT(kl_divergence(p, q), 1e-12);
}

TEST(Divergence, Quantiles) {
  const std::array<double, 5> sorted = {0, 1, 2, 3, 10};
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.5), 2);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0), 0);
  EXPECT_DOUBLE_EQ(quantile(sorted, 1), 10);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.875), 6.5);
  EXPECT_DOUBLE_EQ(quantile(std::array<double, 1>{7}, 0.99), 7);
}

TEST(Divergence, Summary) {
  Divergence divergence;
  const auto p = log_of({0.5, 0.25, 0.25});
  const auto q = log_of({0.2, 0.2, 0.6});
  divergence.add(p, p, 0);
  divergence.add(p, q, 0);
  const DivergenceSummary s = divergence.summary();
  const double kl = kl_divergence(p, q);
  EXPECT_DOUBLE_EQ(s.kl_mean, kl / 2);
  EXPECT_DOUBLE_EQ(s.kl_median, kl / 2);
  EXPECT_DOUBLE_EQ(s.kl_max, kl);
  EXPECT_DOUBLE_EQ(s.top_agreement, 0.5);
  EXPECT_NEAR(s.rms_probability, 0.3 / std::sqrt(2.0), 1e-7);
  EXPECT_NEAR(s.base_perplexity.value, 2, 1e-6);
  EXPECT_NEAR(s.perplexity_ratio.value, std::sqrt(0.5 / 0.2), 1e-6);
}

TEST(LogitsDifference, ByHowMuchAndWhere) {
  const std::vector<float> a = {1, 2, 3, /**/ 3, 2, 1};
  const std::vector<float> b = {1, 2, 3, /**/ 3, 2, 5};
  const auto d = difference_of_logits(a, b, 3);
  ASSERT_TRUE(d.ok());
  EXPECT_EQ(d->n_rows, 2);
  EXPECT_EQ(d->max_abs, 4);
  EXPECT_EQ(d->row, 1);
  EXPECT_EQ(d->id, 2);
  EXPECT_EQ(d->same_top, 1);
  EXPECT_EQ(d->last_top_a, 0);
  EXPECT_EQ(d->last_top_b, 2);
  EXPECT_GT(d->kl_max, 0);
  EXPECT_DOUBLE_EQ(d->kl_mean, d->kl_max / 2);
}

TEST(LogitsDifference, NamesTheRunWithoutNumbers) {
  const std::vector<float> a = {1, 2, 1, 2};
  const std::vector<float> b = {1, 2, 1, NAN};
  const auto d = difference_of_logits(a, b, 2);
  ASSERT_FALSE(d.ok());
  EXPECT_EQ(d.error().message, "B: row 1: the logit of token 1 is nan");
}

}  // namespace
}  // namespace llorch::cli
