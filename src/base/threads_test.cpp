#include "base/threads.h"

#include <gtest/gtest.h>

#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

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

TEST(ThreadTeam, ARunEndsWithWhatAThreadThrew) {
  for (const int thrower : {0, 1, 3}) {
    ThreadTeam team(4);
    for (int round = 0; round < 50; ++round) {
      const auto run = [&] {
        team.run([&](int thread) {
          team.barrier();
          if (thread == thrower) {
            throw std::runtime_error("on " + std::to_string(thread));
          }
          team.barrier();  // the thrower does not come
          ADD_FAILURE() << "thread " << thread << " has passed";
        });
      };
      try {
        run();
        ADD_FAILURE() << "nothing was thrown";
      } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), "on " + std::to_string(thrower));
      }
      std::atomic<int> passed{0};  // the team works on
      team.run([&](int) {
        team.barrier();
        ++passed;
        team.barrier();
      });
      EXPECT_EQ(passed, 4);
    }
  }
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

TEST(ThreadTeam, ARunOfFewerThreadsLeavesTheOthersAsleep) {
  ThreadTeam team(4);
  for (int i = 0; i < 100; ++i) {
    const int n = 1 + i % 4;
    std::array<int, 4> runs{};  // plain ints: run() and barrier() order them
    std::atomic<int> seen{0};
    team.run(n, [&](int thread) {
      ++runs[static_cast<std::size_t>(thread)];
      team.barrier();
      seen += std::accumulate(runs.begin(), runs.end(), 0);
    });
    EXPECT_EQ(seen, n * n);
  }
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

TEST(Turns, ShareAllOnceInMultiplesOfTheGrain) {
  for (const int n_threads : {1, 2, 5}) {
    ThreadTeam team(n_threads);
    for (const int total : {0, 1, 2, 31, 400}) {
      for (const auto& [grain, least] : {std::pair{1, 1}, {1, 4}, {2, 8}, {8, 8}}) {
        std::vector<std::atomic<int>> shared(static_cast<std::size_t>(total));
        std::atomic<int> uneven{0};
        team.run([&](int /*thread*/) {
          Turns turns(team, n_threads);
          for (int round = 0; round < 3; ++round) {
            turns.share(total, grain, least, [&, grain = grain](Range part) {
              uneven += part.begin % grain != 0 || (part.end % grain != 0 && part.end != total);
              for (int i = part.begin; i < part.end; ++i) {
                ++shared[static_cast<std::size_t>(i)];
              }
            });
          }
        });
        EXPECT_EQ(uneven, 0);
        for (const std::atomic<int>& times : shared) {
          ASSERT_EQ(times, 3) << total << " items for " << n_threads;
        }
      }
    }
  }
}

TEST(Turns, AreWholeTilesBeforeTheLastAndEvenThere) {
  ThreadTeam team(1);
  const auto lengths = [&](int total, int grain, int least, int n_threads) {
    std::vector<int> out;
    team.run([&](int /*thread*/) {  // takes all turns of n_threads
      Turns(team, n_threads).share(total, grain, least, [&](Range part) { out.push_back(part.end - part.begin); });
    });
    return out;
  };
  EXPECT_EQ(lengths(128, 2, 8, 16), std::vector<int>(16, 8));
  EXPECT_EQ(lengths(128, 2, 8, 2), (std::vector<int>{32, 24, 16, 8, 8, 8, 8, 8, 8, 4, 4}));
  EXPECT_EQ(lengths(28, 1, 4, 2), (std::vector<int>{4, 4, 4, 4, 4, 4, 2, 2}));
  EXPECT_EQ(lengths(20, 2, 8, 4), (std::vector<int>{6, 6, 6, 2}));
  EXPECT_EQ(lengths(3, 1, 4, 16), (std::vector<int>{1, 1, 1}));
}

TEST(Turns, AThreadThatIsKeptAwayLeavesItsShareToTheOthers) {
  ThreadTeam team(2);
  std::array<int, 2> items{};
  std::atomic<bool> may_go_on{false};
  team.run([&](int thread) {
    Turns turns(team, 2);
    turns.share(100, 1, 1, [&](Range part) {
      items[static_cast<std::size_t>(thread)] += part.end - part.begin;
      while (thread == 1 && !may_go_on) {  // in its first stretch
      }
    });
    may_go_on = true;  // the other thread has done all else
  });
  EXPECT_EQ(items[0] + items[1], 100);
  EXPECT_LE(items[1], 25);
}

TEST(RunDelay, GrowsWhileAnotherThreadHasTheCore) {
  if (!std::filesystem::exists("/proc/thread-self/schedstat")) {
    GTEST_SKIP() << "this system does not tell how long a thread waited";
  }
  std::atomic<bool> has_waited{false};
  std::thread here([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const auto before = run_delay();
    std::thread rival([&] {  // inherits the core
      while (!has_waited) {
      }
    });
    while (run_delay() - before < std::chrono::milliseconds(5)) {
    }
    has_waited = true;
    rival.join();
  });
  here.join();
}

}  // namespace
}  // namespace llorch
