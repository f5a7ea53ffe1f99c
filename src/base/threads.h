// ThreadTeam: a fixed set of threads that run one function together, with a light barrier between phases. Turns: how
// they share work out that takes long.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace llorch {

/// Physical cores that this process may use: its affinity, hyper-threads counted once, and the CPU quota of its control
/// groups; at least 1.
int physical_cores();

/// Time for which this thread was ready to run and other programs had its core, so far; 0 where the system does not
/// tell (Linux does).
std::chrono::nanoseconds run_delay() noexcept;

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
  /// Calls fn(thread) on every thread of the team, thread in [0, size()), and returns when all have returned. Throws
  /// what fn threw first, on any thread.
  void run(const std::function<void(int thread)>& fn) { run(size(), fn); }
  /// The same with the first n_threads alone, in [1, size()]; the others sleep on.
  void run(int n_threads, const std::function<void(int thread)>& fn);
  /// Inside run(): returns when every thread of the run has called it. Establishes happens-before between phases.
  /// Throws when another thread's fn has thrown, which will not come.
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
  void call(int thread) noexcept;
  void stop();

  std::vector<std::unique_ptr<Worker>> workers_;  // of threads 1, 2, ...
  const std::function<void(int)>* job_ = nullptr;
  int n_running_ = 1;                         // threads of the run, the caller too
  std::atomic<std::uint32_t> unfinished_{0};  // workers of the run that have not returned
  std::atomic<int> arrived_{0};
  std::atomic<int> next_{0};
  std::atomic<std::uint64_t> phase_{0};
  std::atomic<bool> stop_{false};
  std::mutex thrown_mutex_;
  std::exception_ptr thrown_;  // by fn, first; read after the run
  std::atomic<bool> failed_{false};
};

/// Shares items out among the threads of a run by turns: stretches of items that become shorter, so that a thread that
/// others keep from its core does less, and all come to the end together. Between the turns of two ops, or a take(),
/// there must be a barrier or a new run.
class Turns {
 public:
  /// Made by each of the `n_threads` threads that share.
  Turns(ThreadTeam& team, int n_threads) : team_(team), n_threads_(n_threads), mine_(team.take()) {}

  /// Calls fn(Range) for those stretches of [0, total) that are this thread's. They are multiples of `least`, with
  /// which fn works well, but for the last ones, which are even multiples of `grain`. All threads call it with the same
  /// numbers, and may do so again for more items.
  template <class Fn>
  void share(int total, int grain, int least, const Fn& fn) {
    int last = 0;  // length of the last stretches; 0: they have not come yet
    for (int begin = 0; begin < total; ++turn_) {
      const int left = total - begin;
      if (last == 0 && left < least * n_threads_) {
        last = (left + n_threads_ * grain - 1) / (n_threads_ * grain) * grain;
      }
      const int even = left / (kStretchesEach * n_threads_) / least * least;
      const int length = smaller(left, last > 0 ? last : even > least ? even : least);
      if (turn_ == mine_) {
        fn(Range{begin, begin + length});
        mine_ = team_.take();
      }
      begin += length;
    }
  }

 private:
  static constexpr int kStretchesEach = 2;  // that a thread would take of what is left
  /// Not std::min: kernels are compiled for processors that not everybody has, and what they instantiate is shared.
  static int smaller(int a, int b) { return a < b ? a : b; }

  ThreadTeam& team_;
  int n_threads_;
  int turn_ = 0;
  int mine_;
};

}  // namespace llorch
