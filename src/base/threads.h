// ThreadTeam: a fixed set of threads that run one function together, with a light barrier between phases.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace llorch {

/// Physical cores that this process may use: its affinity, hyper-threads counted once, and the CPU quota of its control
/// groups; at least 1.
int physical_cores();

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

  int size() const { return n_threads_; }
  /// Calls fn(thread) on every thread of the team, thread in [0, size()), and returns when all have returned. fn must
  /// not throw.
  void run(const std::function<void(int thread)>& fn);
  /// Inside run(): returns when every thread of the team has called it. Establishes happens-before between phases.
  void barrier();
  /// Inside run(): 0, 1, 2, ... among all threads of the team, from 0 again after each barrier and in each run. A
  /// thread that others keep from its core takes fewer turns, where fixed shares would make all wait for it.
  int take() { return next_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void worker(int thread);
  void stop();

  int n_threads_;
  std::vector<std::thread> threads_;
  const std::function<void(int)>* job_ = nullptr;
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<int> running_{0};
  std::atomic<int> arrived_{0};
  std::atomic<int> next_{0};
  std::atomic<std::uint64_t> phase_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
};

}  // namespace llorch
