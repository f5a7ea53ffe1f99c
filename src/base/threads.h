// ThreadTeam: a fixed set of threads that run one function together, with a light barrier between phases.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace llorch {

/// Physical cores that this process may use: its affinity, hyper-threads counted once, and the CPU quota of its control
/// groups; at least 1.
int physical_cores();

/// Time for which this thread was ready to run and other programs had its core, so far; 0 where the system does not
/// tell (Linux does).
std::chrono::nanoseconds run_delay();

struct Range {
  int begin = 0;
  int end = 0;
};
/// [begin, end) of part `index` of `count` when `total` items are cut into parts of multiples of `grain`.
Range part_of(int total, int index, int count, int grain = 1);

/// Owns n - 1 worker threads; the caller is thread 0. One caller at a time. Between runs workers spin briefly and then
/// sleep, so that an idle team costs no CPU.
class ThreadTeam {
 public:
  explicit ThreadTeam(int n_threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }
  /// Calls fn(thread) on every thread of the team, thread in [0, size()), and returns when all have returned. fn must
  /// not throw.
  void run(const std::function<void(int thread)>& fn) { run(size(), fn); }
  /// The same with the first n_threads alone; the others sleep on.
  void run(int n_threads, const std::function<void(int thread)>& fn);
  /// Inside run(): returns when every thread of the run has called it. Establishes happens-before between phases.
  void barrier();
  /// Inside run(): 0, 1, 2, ... among all threads of the run, from 0 again after each barrier and in each run. A
  /// thread that others keep from its core takes fewer turns, where fixed shares would make all wait for it.
  int take() { return next_.fetch_add(1, std::memory_order_relaxed); }

 private:
  struct Worker {
    std::atomic<std::uint32_t> calls{0};  // runs that this worker was called to, and one more to end
    std::thread thread;
  };
  void work(Worker& self, int thread);
  void stop();

  std::vector<std::unique_ptr<Worker>> workers_;  // of threads 1, 2, ...
  const std::function<void(int)>* job_ = nullptr;
  int n_running_ = 1;                         // threads of the run, the caller too
  std::atomic<std::uint32_t> unfinished_{0};  // workers of the run that have not returned
  std::atomic<int> arrived_{0};
  std::atomic<int> next_{0};
  std::atomic<std::uint64_t> phase_{0};
  std::atomic<bool> stop_{false};
};

/// Shares items out among the threads of a team by turns: runs of items that become shorter, so that whoever is kept
/// from its core does less and all come to the end together. Needs a barrier since the last turns of the team.
class Turns {
 public:
  /// Made by each of `n_threads` threads that share.
  Turns(ThreadTeam& team, int n_threads) : team_(team), n_threads_(n_threads), mine_(team.take()) {}

  /// Calls fn(Range) for the runs of [0, total) that are this thread's, of multiples of `grain` items. Every thread
  /// calls it with the same numbers, and may do so again for more items.
  template <class Fn>
  void share(int total, int grain, const Fn& fn) {
    for (int begin = 0; begin < total; ++turn_) {
      const int even = (total - begin) / (kRunsEach * n_threads_) / grain * grain;
      const int end = begin + (even > grain ? even : grain) < total ? begin + (even > grain ? even : grain) : total;
      if (turn_ == mine_) {
        fn(Range{begin, end});
        mine_ = team_.take();
      }
      begin = end;
    }
  }

 private:
  static constexpr int kRunsEach = 2;  // that a thread would take of what is left

  ThreadTeam& team_;
  int n_threads_;
  int turn_ = 0;
  int mine_;
};

}  // namespace llorch
