// A worker is called by its own counter: it spins on it, then sleeps. The barrier is an arrival count and a phase; its
// fetch_adds order everything before it with everything after it, on all threads.
#include "base/threads.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "base/cgroup.h"
#include "base/check.h"
#include "base/descriptor.h"

namespace llorch {
namespace {

constexpr int kSpins = 2000;         // about 50 us: longer than the gap between two ops, shorter than a reader's pause
constexpr int kBarrierSpins = 4096;  // then yield: a barrier must not starve a preempted team mate

/// What ends the threads of a run that wait for one that has thrown.
struct RunFailed : std::exception {
  const char* what() const noexcept override { return "another thread of the run has failed"; }
};

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

std::chrono::nanoseconds run_delay() noexcept {
  const Descriptor file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  char text[96];  // "ns on a core, ns waiting for one, slices"
  const ssize_t n = file.get() < 0 ? 0 : ::read(file.get(), text, sizeof text);
  const char* const end = text + std::max<ssize_t>(n, 0);
  const char* const gap = std::find(static_cast<const char*>(text), end, ' ');
  std::int64_t delay = 0;
  if (gap != end) {
    std::from_chars(gap + 1, end, delay);
  }
  return std::chrono::nanoseconds(delay);
}

Range part_of(int total, int index, int count, int grain) {
  const std::int64_t units = (static_cast<std::int64_t>(total) + grain - 1) / grain;
  const auto cut = [&](int i) { return static_cast<int>(std::min<std::int64_t>(total, units * i / count * grain)); };
  return {cut(index), cut(index + 1)};
}

ThreadTeam::ThreadTeam(int n_threads) {
  workers_.reserve(static_cast<std::size_t>(std::max(1, n_threads)) - 1);
  try {
    for (int t = 1; t < n_threads; ++t) {
      workers_.push_back(std::make_unique<Worker>());
      Worker& worker = *workers_.back();
      worker.thread = std::thread([this, &worker, t] { work(worker, t); });
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
  stop_.store(true, std::memory_order_relaxed);
  for (const auto& worker : workers_) {
    worker->calls.fetch_add(1, std::memory_order_release);
    worker->calls.notify_one();
    if (worker->thread.joinable()) {  // not the one that could not be started
      worker->thread.join();
    }
  }
}

void ThreadTeam::run(int n_threads, const std::function<void(int)>& fn) {
  LL_CHECK(n_threads >= 1 && n_threads <= size(), "a run of threads that the team does not have");
  next_.store(0, std::memory_order_relaxed);
  n_running_ = n_threads;
  job_ = &fn;
  if (failed_.load(std::memory_order_relaxed)) {  // the last run
    failed_.store(false, std::memory_order_relaxed);
    arrived_.store(0, std::memory_order_relaxed);
  }
  unfinished_.store(static_cast<std::uint32_t>(n_threads) - 1, std::memory_order_relaxed);
  for (int t = 1; t < n_threads; ++t) {
    Worker& worker = *workers_[static_cast<std::size_t>(t) - 1];
    worker.calls.fetch_add(1, std::memory_order_release);
    worker.calls.notify_one();
  }
  call(0);
  for (int spin = 0; spin < kSpins && unfinished_.load(std::memory_order_acquire) != 0; ++spin) {
    pause_cpu();
  }
  while (const std::uint32_t left = unfinished_.load(std::memory_order_acquire)) {
    unfinished_.wait(left, std::memory_order_acquire);
  }
  if (failed_.load(std::memory_order_relaxed)) {
    std::rethrow_exception(std::exchange(thrown_, nullptr));
  }
}

void ThreadTeam::call(int thread) noexcept {
  try {
    (*job_)(thread);
  } catch (...) {
    const std::lock_guard lock(thrown_mutex_);
    if (!thrown_) {
      thrown_ = std::current_exception();
    }
    failed_.store(true, std::memory_order_relaxed);
  }
}

void ThreadTeam::work(Worker& self, int thread) {
  for (std::uint32_t seen = 0;; ++seen) {
    for (int spin = 0; spin < kSpins && self.calls.load(std::memory_order_acquire) == seen; ++spin) {
      pause_cpu();
    }
    self.calls.wait(seen, std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) {
      return;
    }
    call(thread);
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      unfinished_.notify_one();
    }
  }
}

void ThreadTeam::barrier() {
  if (n_running_ == 1) {
    next_.store(0, std::memory_order_relaxed);
    return;
  }
  const std::uint64_t phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == n_running_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    next_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_release);
    return;
  }
  for (int spin = 0; phase_.load(std::memory_order_acquire) == phase; ++spin) {
    if (failed_.load(std::memory_order_relaxed)) {
      throw RunFailed();
    }
    if (spin < kBarrierSpins) {
      pause_cpu();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace llorch
