#include "base/thread_budget.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace llorch {
namespace {

using std::chrono::milliseconds;

/// Runs of 10 ms, one after the other, on `cores` cores of which other programs want `busy` for half of the time each.
class Day {
 public:
  explicit Day(int cores) : budget(cores), cores_(cores) {}

  /// Runs for `time`; the milliseconds of all threads together.
  int pass(milliseconds time, int busy) {
    int thread_ms = 0;
    for (const auto end = now_ + time; now_ < end;) {
      const bool asked = budget.asks();
      if (budget.begins()) {
        waited_ = {};
      }
      waited_ += milliseconds(5) * std::max(0, budget.threads() - (cores_ - busy));
      thread_ms += 10 * budget.threads();
      budget.ran(now_, now_ + milliseconds(10));
      now_ += milliseconds(10);
      if (asked) {
        budget.told(now_, waited_);
        waited_ = {};
      }
    }
    return thread_ms;
  }

  ThreadBudget budget;

 private:
  int cores_;
  ThreadBudget::Clock::time_point now_{};
  milliseconds waited_{0};
};

TEST(ThreadBudget, HasAllThreadsWhileNobodyWaits) {
  Day day(4);
  day.pass(milliseconds(500), 0);
  EXPECT_EQ(day.budget.threads(), 4);
}

TEST(ThreadBudget, LeavesACoreThatIsTakenHalfOfTheTime) {
  for (const int cores : {2, 4, 16}) {
    Day day(cores);
    day.pass(milliseconds(100), 1);
    EXPECT_EQ(day.budget.threads(), cores - 1);
  }
}

TEST(ThreadBudget, LeavesAsManyAsAreTaken) {
  Day day(16);
  day.pass(milliseconds(300), 6);
  EXPECT_EQ(day.budget.threads(), 10);
}

TEST(ThreadBudget, KeepsOneThread) {
  Day day(2);
  day.pass(milliseconds(90), 2);
  EXPECT_EQ(day.budget.threads(), 1);
  Day alone(1);
  alone.pass(milliseconds(500), 1);
  EXPECT_EQ(alone.budget.threads(), 1);
}

TEST(ThreadBudget, ReturnsWhenTheNeighbourHasGone) {
  Day day(2);
  day.pass(milliseconds(80), 1);
  ASSERT_EQ(day.budget.threads(), 1);
  day.pass(milliseconds(200), 0);
  EXPECT_EQ(day.budget.threads(), 2);
}

TEST(ThreadBudget, TriesLessAndLessOftenWhileTheNeighbourStays) {
  Day day(2);
  day.pass(milliseconds(10000), 1);
  const int thread_ms = day.pass(milliseconds(10000), 1);
  EXPECT_GE(thread_ms, 10000);
  EXPECT_LE(thread_ms, 10300);  // 2% to 3% of the time with both
}

TEST(ThreadBudget, WhatWasWaitedInOtherWorkDoesNotCount) {
  ThreadBudget budget(4);
  const auto run = [&](milliseconds length, milliseconds waited) {
    const bool asked = budget.asks();
    budget.ran({}, ThreadBudget::Clock::time_point(length));
    if (asked) {
      budget.told({}, waited);
    }
  };
  run(milliseconds(40), milliseconds(0));
  run(milliseconds(30), milliseconds(0));  // not asked: the window was not over before it
  EXPECT_FALSE(budget.begins());
  budget.interrupted();
  EXPECT_TRUE(budget.begins()) << "threads forget what they waited for in the other work";
  run(milliseconds(20), milliseconds(10));  // too short to decide; what came before is not counted
  EXPECT_EQ(budget.threads(), 4);
  EXPECT_FALSE(budget.begins());
  run(milliseconds(40), milliseconds(0));   // not asked
  run(milliseconds(40), milliseconds(80));  // 90 ms in a window of 100
  EXPECT_EQ(budget.threads(), 3);
}

/// A first run that is as long as a window is one.
TEST(ThreadBudget, ALongFirstRunCounts) {
  ThreadBudget budget(2);
  ASSERT_TRUE(budget.asks());
  budget.ran({}, ThreadBudget::Clock::time_point(milliseconds(100)));
  budget.told({}, milliseconds(90));
  EXPECT_EQ(budget.threads(), 1);
}

TEST(ThreadBudget, ReturnsBetweenLongWork) {
  Day day(2);
  day.pass(milliseconds(80), 1);
  ASSERT_EQ(day.budget.threads(), 1);
  for (int i = 0; i < 20; ++i) {  // a prompt after every second token
    day.budget.interrupted();
    day.pass(milliseconds(20), 0);
  }
  EXPECT_EQ(day.budget.threads(), 2);
}

TEST(ThreadBudget, AThreadThatComesBackBeginsAnew) {
  ThreadBudget budget(2);
  std::chrono::milliseconds now{0};
  const auto run = [&](milliseconds waited) {
    const bool asked = budget.asks();
    budget.ran(ThreadBudget::Clock::time_point(now), ThreadBudget::Clock::time_point(now + milliseconds(60)));
    now += milliseconds(60);
    if (asked) {
      budget.told(ThreadBudget::Clock::time_point(now), waited);
    }
  };
  run(milliseconds(60));
  ASSERT_EQ(budget.threads(), 1);
  EXPECT_FALSE(budget.begins());
  while (budget.threads() == 1) {
    run(milliseconds(0));
  }
  EXPECT_TRUE(budget.begins());
  run(milliseconds(0));
  EXPECT_EQ(budget.threads(), 2);
}

TEST(ThreadBudget, AShortDisturbanceCostsNothing) {
  Day day(2);
  day.pass(milliseconds(40), 0);
  day.pass(milliseconds(20), 1);  // 10 ms of waiting in the window of 50, 5 in the next
  day.pass(milliseconds(40), 0);
  EXPECT_EQ(day.budget.threads(), 2);
}

}  // namespace
}  // namespace llorch
