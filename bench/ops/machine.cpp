#include "ops/machine.h"

#include <algorithm>
#include <chrono>
#include <random>

namespace llorch::bench {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// As Work::scratch and Work::shared want them.
std::size_t scratch_bytes(const Settings& settings) {
  std::size_t bytes = std::max(kScratchBytes, static_cast<std::size_t>(settings.cols) * sizeof(float));
  for (const OpTable& table : settings.tables) {
    bytes = std::max(bytes, table.scratch_bytes);
  }
  return bytes;
}

std::size_t shared_bytes(const Settings& settings) {
  const int widest = std::max({settings.cols, settings.rows, settings.n_heads * settings.head_dim});
  const int most = std::max(settings.chunk, *std::max_element(settings.rows_of_x.begin(), settings.rows_of_x.end()));
  const std::size_t padded = (static_cast<std::size_t>(widest) + 63) / 64 * 64;
  return (static_cast<std::size_t>(most) * padded * 2 + 127) / 64 * 64;
}

}  // namespace

Timing time_runs(int least_ms, const std::function<void()>& run, const std::function<void()>& before) {
  std::vector<double> seconds;
  double sum = 0;
  bool is_warm = false;
  while (static_cast<int>(seconds.size()) < kLeastRuns || sum * 1e3 < least_ms) {
    if (before) {
      before();
    }
    const double start = now_seconds();
    run();
    if (is_warm) {
      seconds.push_back(now_seconds() - start);
      sum += seconds.back();
    }
    is_warm = true;
  }
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return {*middle, static_cast<int>(seconds.size())};
}

Result<Machine> Machine::make(const Settings& settings) {
  Machine machine;
  machine.team_ = std::make_unique<ThreadTeam>(settings.n_threads);
  machine.least_ms_ = settings.least_ms;
  for (int i = 0; i < settings.n_threads; ++i) {
    LL_ASSIGN(cpu::Buffer scratch, cpu::Buffer::make(scratch_bytes(settings), "scratch"));
    machine.scratch_.push_back(std::move(scratch));
  }
  LL_ASSIGN(machine.shared_, cpu::Buffer::make(shared_bytes(settings), "shared scratch"));
  return machine;
}

Timing Machine::time(const Work& work, const std::function<void(const Work&)>& op,
                     const std::function<void()>& before) {
  const auto on_thread = [&](int thread) {
    Work own = work;
    own.team = team_.get();
    own.thread = thread;
    own.n_threads = team_->size();
    own.scratch = scratch_[static_cast<std::size_t>(thread)].bytes();
    own.shared = shared_.bytes();
    op(own);
  };
  return time_runs(
      least_ms_, [&] { team_->run(on_thread); }, before);
}

std::vector<float> random_floats(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> out(size);
  for (float& v : out) {
    v = static_cast<float>(random() >> 8) * 0x1p-24F - 0.5F;
  }
  return out;
}

}  // namespace llorch::bench
