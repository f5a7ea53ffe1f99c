#include "base/threads.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <numeric>

namespace llorch {
namespace {

TEST(PartOf, CoversAllOnceInMultiplesOfTheGrain) {
  for (const int total : {0, 1, 7, 8, 64, 1000003}) {
    for (const int count : {1, 2, 3, 16}) {
      for (const int grain : {1, 4, 8}) {
        int next = 0;
        for (int i = 0; i < count; ++i) {
          const Range part = part_of(total, i, count, grain);
          EXPECT_EQ(part.begin, next);
          EXPECT_LE(part.begin, part.end);
          EXPECT_TRUE(part.end % grain == 0 || part.end == total);
          next = part.end;
        }
        EXPECT_EQ(next, total);
      }
    }
  }
}

TEST(PartOf, PartsDifferByOneGrainAtMost) {
  for (int i = 0; i < 3; ++i) {
    const Range part = part_of(100, i, 3, 8);  // 13 units: 4, 4 and 5
    EXPECT_LE(part.end - part.begin, 40);
    EXPECT_GE(part.end - part.begin, 32);
  }
}

TEST(PhysicalCores, AtLeastOneAndNoMoreThanThereAre) {
  EXPECT_GE(physical_cores(), 1);
  EXPECT_LE(physical_cores(), static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
}

TEST(ThreadTeam, EveryThreadRunsEveryJobOnce) {
  for (const int n : {1, 2, 5}) {
    ThreadTeam team(n);
    EXPECT_EQ(team.size(), n);
    std::vector<int> runs(static_cast<std::size_t>(n));  // plain ints: run() orders them
    for (int i = 0; i < 200; ++i) {
      team.run([&](int thread) { ++runs[static_cast<std::size_t>(thread)]; });
    }
    EXPECT_EQ(runs, std::vector<int>(static_cast<std::size_t>(n), 200));
  }
}

TEST(ThreadTeam, ABarrierShowsEveryoneWhatWasWrittenBefore) {
  constexpr int kThreads = 4;
  constexpr int kPhases = 300;
  ThreadTeam team(kThreads);
  std::vector<int> values(kThreads, 0);  // plain ints: under TSan an unordered access is an error
  std::vector<int> wrong(kThreads, 0);
  team.run([&](int thread) {
    for (int phase = 1; phase <= kPhases; ++phase) {
      values[static_cast<std::size_t>(thread)] = phase;
      team.barrier();
      wrong[static_cast<std::size_t>(thread)] += std::accumulate(values.begin(), values.end(), 0) != kThreads * phase;
      team.barrier();
    }
  });
  EXPECT_EQ(wrong, std::vector<int>(kThreads, 0));
}

TEST(ThreadTeam, SleepsAndWakesAgain) {
  ThreadTeam team(3);
  std::atomic<int> runs{0};
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // long past the spinning
    team.run([&](int) { ++runs; });
  }
  EXPECT_EQ(runs, 9);
}

TEST(ThreadTeam, ManyTeamsComeAndGo) {
  for (int i = 0; i < 50; ++i) {
    ThreadTeam unused(3);
    ThreadTeam used(2);
    used.run([](int) {});
  }
}

TEST(ThreadTeam, TurnsAreTakenOnceAndBeginAnewAfterABarrier) {
  for (const int n_threads : {1, 3}) {
    ThreadTeam team(n_threads);
    for (int run = 0; run < 50; ++run) {
      std::array<std::atomic<int>, 40> taken{};
      team.run([&](int /*thread*/) {
        for (int phase = 0; phase < 3; ++phase) {
          for (int turn = team.take(); turn < 40; turn = team.take()) {
            ++taken[static_cast<std::size_t>(turn)];
          }
          team.barrier();
        }
      });
      for (const std::atomic<int>& times : taken) {
        ASSERT_EQ(times, 3);
      }
    }
  }
}

}  // namespace
}  // namespace llorch
