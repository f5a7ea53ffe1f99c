#include "cli/scoring.h"

#include <gtest/gtest.h>

namespace llorch::cli {
namespace {

TEST(Windows, TheSecondHalfOfWholeWindowsIsScored) {
  const auto windows = cut_windows(35, 10);
  ASSERT_EQ(windows.size(), 3U);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    EXPECT_EQ(windows[i].begin, 10 * i);
    EXPECT_EQ(windows[i].n_tokens, 10U);
    EXPECT_EQ(windows[i].first_scored, 6U);
  }
  EXPECT_EQ(count_scored(windows), 12);
}

TEST(Windows, ATextOfOneWindow) {
  const auto windows = cut_windows(10, 10);
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].first_scored, 6U);
}

TEST(Windows, AShorterTextIsScoredFromItsSecondToken) {
  const auto windows = cut_windows(9, 10);
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].n_tokens, 9U);
  EXPECT_EQ(count_scored(windows), 8);
}

TEST(Windows, TheSmallestOnesScoreSomething) {
  EXPECT_EQ(count_scored(cut_windows(2, kMinWindow)), 1);
  EXPECT_EQ(count_scored(cut_windows(kMinWindow, kMinWindow)), 1);
}

}  // namespace
}  // namespace llorch::cli
