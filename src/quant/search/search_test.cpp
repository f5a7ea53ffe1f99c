// Every search against plain rounding, and its corner cases.
#include "quant/search/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace llorch {
namespace {

constexpr int kCols = 512;

class EverySearch : public ::testing::TestWithParam<DType> {
 protected:
  const Format& format() const { return format_of(GetParam()); }

  std::vector<float> searched(const std::vector<float>& x, const float* importance = nullptr) const {
    std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(format(), kCols)));
    find_search(GetParam())({x.data(), importance, kCols}, blocks.data());
    return decoded(blocks);
  }
  std::vector<float> rounded(const std::vector<float>& x) const {
    std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(format(), kCols)));
    format().encode(x.data(), blocks.data(), kCols / format().block_len);
    return decoded(blocks);
  }
  std::vector<float> decoded(const std::vector<std::byte>& blocks) const {
    std::vector<float> out(kCols);
    format().decode(blocks.data(), out.data(), kCols / format().block_len);
    return out;
  }
};

double error_of(const std::vector<float>& want, const std::vector<float>& got, const float* importance = nullptr) {
  double error = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double e = static_cast<double>(want[i]) - static_cast<double>(got[i]);
    error += e * e * (importance == nullptr ? 1.0 : static_cast<double>(importance[i]));
  }
  return error;
}

std::vector<float> random_row(unsigned seed, float scale = 0.02F, float mean = 0.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(mean, scale);
  std::vector<float> x(kCols);
  for (float& value : x) {
    value = normal(random);
  }
  return x;
}

TEST_P(EverySearch, IsNoWorseThanPlainRounding) {
  double searched_error = 0;
  double rounded_error = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    for (const float mean : {0.0F, 0.03F, -0.1F}) {
      const std::vector<float> x = random_row(seed, 0.02F, mean);
      searched_error += error_of(x, searched(x));
      rounded_error += error_of(x, rounded(x));
    }
  }
  EXPECT_LE(searched_error, rounded_error * 1.0000001);
}

TEST_P(EverySearch, ZerosStayZeros) {
  const std::vector<float> zeros(kCols, 0.0F);
  EXPECT_EQ(searched(zeros), zeros);
}

TEST_P(EverySearch, EqualWeightsAreNearlyKept) {
  for (const float value : {0.5F, -0.5F}) {
    const std::vector<float> x(kCols, value);
    for (const float got : searched(x)) {
      EXPECT_NEAR(got, value, 0.02F);
    }
  }
}

/// However small or large: near, or so far beyond f16 that the scale itself says so.
TEST_P(EverySearch, AnyMagnitudeIsNearOrNotFinite) {
  for (const float scale : {1e-4F, 1.0F, 100.0F, 1e4F, 1e5F, 1e7F, 1e9F, 1e20F}) {
    const std::vector<float> x = random_row(3, scale);
    const std::vector<float> got = searched(x);
    if (std::all_of(got.begin(), got.end(), [](float value) { return std::isfinite(value); })) {
      EXPECT_LT(error_of(x, got), 0.05 * error_of(x, std::vector<float>(kCols, 0.0F))) << scale;
    } else {
      EXPECT_GT(scale, 9e3F);
    }
  }
  for (const float scale : {1e-38F, 1e-20F, 1e-9F}) {  // may vanish, never grow
    const std::vector<float> x = random_row(3, scale);
    EXPECT_LE(error_of(x, searched(x)), 1.5 * error_of(x, std::vector<float>(kCols, 0.0F)) + 1e-30) << scale;
  }
}

TEST_P(EverySearch, OneOutlierDoesNotSpoilOtherBlocks) {
  std::vector<float> x = random_row(5);
  x[7] = 30.0F;
  const std::vector<float> got = searched(x);
  EXPECT_NEAR(got[7], 30.0F, 6.5F);  // MXFP4 has 24 and 32
  const auto second_half = [](const std::vector<float>& all) {
    return std::vector<float>(all.begin() + 256, all.end());
  };
  EXPECT_LT(error_of(second_half(x), second_half(got)), 0.03 * error_of(second_half(x), std::vector<float>(256, 0.0F)));
}

TEST_P(EverySearch, FollowsTheImportance) {
  std::vector<float> importance(kCols);
  for (std::size_t i = 0; i < importance.size(); ++i) {
    importance[i] = i % 4 == 0 ? 100.0F : 0.01F;
  }
  double with = 0;
  double without = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const std::vector<float> x = random_row(seed);
    with += error_of(x, searched(x, importance.data()), importance.data());
    without += error_of(x, searched(x), importance.data());
  }
  const bool chooses = format().block_len > 1 && GetParam() != DType::mxfp4;  // its scales are powers of two
  EXPECT_LE(with, without * (chooses ? 0.95 : 1.0000001));
}

TEST_P(EverySearch, UnimportantGroupsAreStillEncoded) {
  std::vector<float> importance(kCols, 1.0F);
  std::fill(importance.begin() + 32, importance.begin() + 64, 1e-4F);
  for (const std::vector<float>& weights :
       {importance, std::vector<float>(kCols, 1e-6F), std::vector<float>(kCols, 1e6F)}) {
    const std::vector<float> x = random_row(4);
    EXPECT_LE(error_of(x, searched(x, weights.data())), 1.05 * error_of(x, rounded(x)));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EverySearch,
                         ::testing::Values(DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
                                           DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl,
                                           DType::iq4_xs, DType::mxfp4),
                         [](const auto& each) { return std::string(format_of(each.param).name); });

TEST(FindSearch, KnowsWhatItCannotMake) {
  EXPECT_EQ(find_search(DType::iq1_s), nullptr);
  EXPECT_EQ(find_search(DType::u8), nullptr);
}

}  // namespace
}  // namespace llorch
