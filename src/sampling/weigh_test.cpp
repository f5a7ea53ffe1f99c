// Weights against the library's exp, and the bits that every host and device must give.
#include "sampling/weigh.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace llorch {
namespace {

constexpr int kSteps = 1 << 20;  // of kWeightReach

double below_of(int step) {
  return kWeightReach * step / kSteps;
}

TEST(Weigh, IsTheExponential) {
  double worst = 0;
  int n_other_weights = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double expected = std::exp(-below_of(i)) * kWeightUnits;
    const double units = units_of(cut_below(below_of(i)));
    worst = std::max(worst, std::abs(units - expected) / expected);
    n_other_weights += whole(units) == static_cast<std::uint64_t>(expected + 0.5) ? 0 : 1;
  }
  EXPECT_LT(worst, 0x1p-51);
  EXPECT_LT(n_other_weights, 20);
  EXPECT_EQ(units_of(cut_below(0)), kWeightUnits);
}

TEST(Weigh, BinsRiseAndFit) {
  int last = 0;
  for (int i = 0; i < kSteps; ++i) {
    const Below cut = cut_below(below_of(i));
    ASSERT_TRUE(cut.bin == last || cut.bin == last + 1) << i;
    ASSERT_LE(std::abs(cut.rest), 0.0109);
    last = cut.bin;
  }
  EXPECT_EQ(cut_below(std::nextafter(kWeightReach, 0)).bin, kWeightBins - 1);
  EXPECT_EQ(cut_below(0).bin, 0);
}

/// FNV-1a of all weights of the grid: one bit that a compiler or a machine changes shows.
TEST(Weigh, HasTheSameBitsEverywhere) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (int i = 0; i < kSteps; ++i) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(units_of(cut_below(below_of(i))))) * 0x100000001B3U;
  }
  EXPECT_EQ(hash, 5602826007284149046U);
}

TEST(Weigh, WholeRoundsToTheNearest) {
  EXPECT_EQ(whole(0), 0U);
  EXPECT_EQ(whole(0.49), 0U);
  EXPECT_EQ(whole(0.51), 1U);
  EXPECT_EQ(whole(1.5), 2U);
  EXPECT_EQ(whole(0x1p40 - 0.25), std::uint64_t{1} << 40);
}

TEST(Weigh, GoalsStayInside) {
  EXPECT_EQ(top_p_goal(0.0F, 10), 1U);
  EXPECT_EQ(top_p_goal(0.5F, 10), 5U);
  EXPECT_EQ(top_p_goal(0.51F, 10), 6U);
  EXPECT_EQ(drawn_goal(0, 10), 1U);
  EXPECT_EQ(drawn_goal(std::nextafter(1.0, 0.0), 10), 10U);
}

}  // namespace
}  // namespace llorch
