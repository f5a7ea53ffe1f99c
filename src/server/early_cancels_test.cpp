#include "server/early_cancels.h"

#include <gtest/gtest.h>

namespace llorch {
namespace {

TEST(EarlyCancels, AreOfTheBodiesThatWaitAlone) {
  EarlyCancels cancels;
  cancels.cancel("a");  // nothing waits
  const auto first = cancels.enter();
  const auto second = cancels.enter();
  cancels.cancel("b");
  const auto third = cancels.enter();
  EXPECT_FALSE(cancels.leave(first, "a"));
  EXPECT_TRUE(cancels.leave(second, "b"));
  EXPECT_FALSE(cancels.leave(third, "b")) << "it came after the cancel";
}

TEST(EarlyCancels, BodiesThatBecomeNoJobCountToo) {
  EarlyCancels cancels;
  const auto first = cancels.enter();
  cancels.cancel("a");
  EXPECT_FALSE(cancels.leave(first));
  const auto second = cancels.enter();
  EXPECT_FALSE(cancels.leave(second, "a"));
}

TEST(EarlyCancels, HaveABound) {
  EarlyCancels cancels;
  const auto body = cancels.enter();
  for (int i = 0; i < 10'000; ++i) {
    cancels.cancel(std::to_string(i));
  }
  cancels.cancel("0");
  EXPECT_TRUE(cancels.leave(body, "0"));
}

}  // namespace
}  // namespace llorch
