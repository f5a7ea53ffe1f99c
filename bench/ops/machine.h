// Machine: threads and scratch as a backend gives them to an op, and the clock.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "backend/cpu/buffer.h"
#include "backend/ops.h"
#include "base/threads.h"
#include "ops/settings.h"

namespace llorch::bench {

struct Timing {
  double seconds = 0;  // of one run: the median
  int n_runs = 0;
};

/// Runs what is given until kLeastRuns runs and `least_ms` are over, after one that does not count. `before` is called
/// ahead of every run, outside its time.
Timing time_runs(int least_ms, const std::function<void()>& run, const std::function<void()>& before = {});
inline constexpr int kLeastRuns = 3;

class Machine {
 public:
  static Result<Machine> make(const Settings& settings);

  /// Times an op that every thread of the team calls. `work` has all but what is of the machine: team, thread, scratch.
  Timing time(const Work& work, const std::function<void(const Work&)>& op, const std::function<void()>& before = {});
  ThreadTeam& team() { return *team_; }

 private:
  Machine() = default;
  std::unique_ptr<ThreadTeam> team_;
  int least_ms_ = 0;
  std::vector<cpu::Buffer> scratch_;  // one a thread
  cpu::Buffer shared_;
};

/// `size` floats in [-0.5, 0.5), the same for a seed everywhere.
std::vector<float> random_floats(std::size_t size, std::uint32_t seed);

}  // namespace llorch::bench
