// The team hands a job over by an epoch counter: workers spin on it, then sleep on `wake_`. The barrier is an arrival
// count and a phase; its fetch_adds order everything before it with everything after it, on all threads.
#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "base/cgroup.h"

namespace llorch {
namespace {

constexpr int kSpins = 2000;         // about 50 us: longer than the gap between two ops, shorter than a reader's pause
constexpr int kBarrierSpins = 4096;  // then yield: a barrier must not starve a preempted team mate

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int read_int(const std::string& path, int fallback) {
  std::ifstream file(path);
  int value = fallback;
  return file >> value ? value : fallback;
}

/// Whole processors of time that the control groups grant, rounded up; n when none sets a quota. More threads than that
/// would wait for each other at every barrier.
int within_cpu_quota(int n) {
  for (const Cgroup& group : cgroups_of("cpu")) {
    std::istringstream text(group.v2 ? read_small_file(group.dir + "/cpu.max")  // "QUOTA PERIOD" or "max PERIOD"
                                     : read_small_file(group.dir + "/cpu.cfs_quota_us") + " " +
                                           read_small_file(group.dir + "/cpu.cfs_period_us"));
    std::int64_t quota = 0;
    std::int64_t period = 0;
    if (text >> quota >> period && quota > 0 && period > 0) {
      n = static_cast<int>(std::min<std::int64_t>(n, std::max<std::int64_t>(1, (quota + period - 1) / period)));
    }
  }
  return n;
}

}  // namespace

int physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return within_cpu_quota(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  }
  std::set<std::pair<int, int>> cores;  // (package, core): hyper-threads of one core count once
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) {
      const std::string dir = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
      cores.emplace(read_int(dir + "physical_package_id", 0), read_int(dir + "core_id", cpu));
    }
  }
  return within_cpu_quota(std::max(1, static_cast<int>(cores.size())));
}

Range part_of(int total, int index, int count, int grain) {
  const std::int64_t units = (static_cast<std::int64_t>(total) + grain - 1) / grain;
  const auto cut = [&](int i) { return static_cast<int>(std::min<std::int64_t>(total, units * i / count * grain)); };
  return {cut(index), cut(index + 1)};
}

ThreadTeam::ThreadTeam(int n_threads) : n_threads_(std::max(1, n_threads)) {
  threads_.reserve(static_cast<std::size_t>(n_threads_ - 1));
  try {
    for (int t = 1; t < n_threads_; ++t) {
      threads_.emplace_back([this, t] { worker(t); });
    }
  } catch (...) {  // the system has no more threads: those that wait already must not outlive the team
    stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() {
  stop();
}

void ThreadTeam::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    epoch_.fetch_add(1);
  }
  wake_.notify_all();
  for (auto& thread : threads_) {
    thread.join();
  }
}

void ThreadTeam::run(const std::function<void(int)>& fn) {
  next_.store(0, std::memory_order_relaxed);
  if (n_threads_ == 1) {
    fn(0);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    job_ = &fn;
    running_.store(n_threads_ - 1);
    epoch_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  fn(0);
  for (int spin = 0; spin < kSpins && running_.load(std::memory_order_acquire) != 0; ++spin) {
    pause_cpu();
  }
  if (running_.load(std::memory_order_acquire) != 0) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_.load(std::memory_order_acquire) == 0; });
  }
}

void ThreadTeam::worker(int thread) {
  std::uint64_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && epoch_.load(std::memory_order_acquire) == seen; ++spin) {
      pause_cpu();
    }
    if (epoch_.load(std::memory_order_acquire) == seen) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this, seen] { return epoch_.load(std::memory_order_acquire) != seen; });
    }
    seen = epoch_.load(std::memory_order_acquire);
    if (stop_) {
      return;
    }
    (*job_)(thread);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const std::lock_guard lock(mutex_);  // so that the caller is not between its check and its wait
      done_.notify_one();
    }
  }
}

void ThreadTeam::barrier() {
  if (n_threads_ == 1) {
    next_.store(0, std::memory_order_relaxed);
    return;
  }
  const std::uint64_t phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == n_threads_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    next_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_release);
    return;
  }
  for (int spin = 0; phase_.load(std::memory_order_acquire) == phase; ++spin) {
    if (spin < kBarrierSpins) {
      pause_cpu();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace llorch
