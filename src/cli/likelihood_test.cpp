#include "cli/likelihood.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace llorch::cli {
namespace {

TEST(Likelihood, LogSumExp) {
  const std::array<float, 4> logits = {0, 0, 0, 0};
  EXPECT_NEAR(*log_sum_exp(logits), std::log(4.0), 1e-15);
  EXPECT_NEAR(*log_sum_exp(std::array<float, 2>{1, 3}), std::log(std::exp(1.0) + std::exp(3.0)), 1e-15);
}

TEST(Likelihood, LogSumExpOfLogitsBeyondExp) {
  EXPECT_NEAR(*log_sum_exp(std::array<float, 2>{1e30F, 1e30F}), static_cast<double>(1e30F), 1e15);
  EXPECT_NEAR(*log_sum_exp(std::array<float, 2>{-5000, -5001}), -5000 + std::log1p(std::exp(-1.0)), 1e-12);
}

TEST(Likelihood, NamesTheLogitThatIsNoNumber) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), inf, -inf}) {
    const std::array<float, 3> logits = {1, 2, bad};
    const auto sum = log_sum_exp(logits);
    ASSERT_FALSE(sum.ok());
    EXPECT_EQ(sum.error().code, ErrorCode::internal);
    EXPECT_NE(sum.error().message.find("token 2"), std::string::npos) << sum.error().message;
  }
}

TEST(Likelihood, LogSoftmaxIsOfProbabilities) {
  const std::vector<float> logits = {3, -1, 0.5F, 20};
  std::vector<float> log_probs(logits.size());
  ASSERT_TRUE(log_softmax(logits, log_probs).ok());
  double sum = 0;
  for (const float log_prob : log_probs) {
    sum += std::exp(static_cast<double>(log_prob));
  }
  EXPECT_NEAR(sum, 1, 1e-6);
  EXPECT_NEAR(log_probs[3] - log_probs[0], 17, 1e-5);
}

TEST(Likelihood, TopIndexIsTheLowestAmongEquals) {
  EXPECT_EQ(top_index(std::array<float, 4>{1, 7, 7, 2}), 1U);
}

TEST(RunningMean, MeanAndStandardError) {
  RunningMean mean;
  EXPECT_TRUE(std::isnan(mean.standard_error()));
  mean.add(1);
  EXPECT_TRUE(std::isnan(mean.standard_error()));
  mean.add(2);
  mean.add(6);
  EXPECT_EQ(mean.count(), 3);
  EXPECT_DOUBLE_EQ(mean.mean(), 3);
  EXPECT_NEAR(mean.standard_error(), std::sqrt((4.0 + 1 + 9) / 2 / 3), 1e-15);
}

TEST(RunningMean, AFarOffsetCostsNoDigits) {
  RunningMean mean;
  for (const double x : {1e9 + 1, 1e9 + 2, 1e9 + 6}) {
    mean.add(x);
  }
  EXPECT_NEAR(mean.standard_error(), std::sqrt((4.0 + 1 + 9) / 2 / 3), 1e-6);
}

TEST(RunningMean, ExponentialInheritsTheError) {
  RunningMean mean;
  mean.add(1);
  mean.add(3);
  const Exponential e = exp_of(mean);
  EXPECT_DOUBLE_EQ(e.value, std::exp(2.0));
  EXPECT_DOUBLE_EQ(e.standard_error, std::exp(2.0) * 1.0);
}

TEST(Likelihood, BitsPerByte) {
  EXPECT_DOUBLE_EQ(bits_per_byte(8 * std::log(2.0), 4), 2);
  EXPECT_TRUE(std::isnan(bits_per_byte(1, 0)));
}

}  // namespace
}  // namespace llorch::cli
