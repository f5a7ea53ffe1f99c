#include "gpu/emulator/machine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <string_view>
#include <vector>

#include "gpu/emulator/copies.h"
#include "gpu/emulator/fibers.h"
#include "gpu/emulator/include/device_functions.h"
#include "gpu/emulator/names.h"
#include "gpu/emulator/shared_memory.h"
#include "gpu/emulator/warpgroups.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace llorch::emulator {

int running_thread = 0;

namespace {

struct Thread {
  Fiber fiber;
  uint3 index{};
  bool has_ended = false;
  Meeting waits;  // while it does
};

/// A collective that some lanes of a warp have reached.
struct Pending {
  Compute compute;  // says which
  std::uint32_t lanes;
  std::uint32_t arrived;
};

struct Warp {
  std::uint32_t ready = 0;  // lanes that can run
  std::uint32_t first = 0;  // where the search for the next lane begins, up or down
  bool down = false;
  std::vector<Pending> pending;
  std::array<void*, kWarpLanes> operands{};
};

struct Warpgroup {
  Compute compute = nullptr;
  int n_arrived = 0;
  std::array<void*, kGroupThreads> operands{};
};

class Machine {
 public:
  void run(const Launch& launch);
  void meet_warp(const Meeting& meeting, std::uint32_t lanes, void* operand, Compute compute);
  void meet_warpgroup(const Meeting& meeting, void* operand, Compute compute);
  void meet_block(const Meeting& meeting);
  bool takes_early() { return seed_ != 0 && (random() & 1U) != 0; }
  std::uint32_t random() {
    // splitmix64 (Steele et al. 2014)
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 16);
  }
  std::string where() const;

 private:
  static void thread_main();
  void run_block();
  void resume_first();
  Fiber& next();
  void leave(const Meeting& meeting);
  void go_on(int warp);
  void to_other_warp();
  [[noreturn]] void stop_waiting();

  const Launch* launch_ = nullptr;
  Stacks stacks_;
  std::unique_ptr<Thread[]> threads_ = std::make_unique<Thread[]>(kMostThreads);
  std::vector<Warp> warps_;
  std::vector<Warpgroup> groups_;
  Fiber outside_;
  int n_threads_ = 0;
  int n_ended_ = 0;
  int n_at_barrier_ = 0;
  std::source_location barrier_;
  int warp_ = 0;  // whose turn it is
  std::uint32_t turn_mask_ = 0;
  std::uint64_t seed_ = 0;
  std::uint64_t n_launches_ = 0;
  std::uint64_t state_ = 0;
};

Machine machine;

std::uint64_t seed_of_environment() {
  const char* text = std::getenv("LLORCH_EMULATOR_SEED");
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

void Machine::run(const Launch& launch) {
  launch_ = &launch;
  seed_ = seed_of_environment();
  ++n_launches_;
  n_threads_ = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  stacks_.reserve(n_threads_);
  blockDim = launch.block;
  gridDim = launch.grid;
  for (int i = 0; i < n_threads_; ++i) {
    const auto n = static_cast<unsigned int>(i);
    threads_[static_cast<std::size_t>(i)].index = {n % blockDim.x, n / blockDim.x % blockDim.y,
                                                   n / blockDim.x / blockDim.y};
  }
  const std::uint64_t n_blocks = std::uint64_t{gridDim.x} * gridDim.y * gridDim.z;
  state_ = seed_ ^ (n_launches_ << 32);
  std::uint64_t stride = random() % n_blocks | 1U;
  while (std::gcd(stride, n_blocks) != 1) {
    stride += 2;
  }
  const std::uint64_t first = random() % n_blocks;
  open_shared_memory(launch.shared_bytes);
  for (std::uint64_t i = 0; i < n_blocks; ++i) {
    const std::uint64_t block = (first + i * stride) % n_blocks;
    state_ = seed_ ^ (n_launches_ << 32) ^ (block + 1);
    blockIdx = {static_cast<unsigned int>(block % gridDim.x), static_cast<unsigned int>(block / gridDim.x % gridDim.y),
                static_cast<unsigned int>(block / gridDim.x / gridDim.y)};
    run_block();
  }
  close_shared_memory();
  launch_ = nullptr;
}

void Machine::run_block() {
  constexpr std::array<std::uint32_t, 4> kTurns = {
      0U, 3U, 15U, ~0U};  // a warp's turn ends after 1, 4, 16 meetings on average, hardly ever
  turn_mask_ = kTurns[random() % kTurns.size()];
  fill_shared_memory();
  forget_copies(n_threads_);
  forget_products(n_threads_);
  n_ended_ = 0;
  n_at_barrier_ = 0;
  for (int i = 0; i < n_threads_; ++i) {
    Thread& thread = threads_[static_cast<std::size_t>(i)];
    thread.has_ended = false;
    thread.fiber.prepare(stacks_.bottom(i), Stacks::size(), thread_main);
  }
  const int n_warps = (n_threads_ + kWarpLanes - 1) / kWarpLanes;
  warps_.resize(static_cast<std::size_t>(n_warps));
  for (int w = 0; w < n_warps; ++w) {
    const int n = std::min(n_threads_ - w * kWarpLanes, kWarpLanes);
    go_on(w);
    warps_[static_cast<std::size_t>(w)].ready = n == kWarpLanes ? ~0U : (1U << n) - 1;
    warps_[static_cast<std::size_t>(w)].pending.clear();
  }
  groups_.assign(static_cast<std::size_t>((n_threads_ + kGroupThreads - 1) / kGroupThreads), {});
  to_other_warp();
  outside_.switch_to(next());
  if (n_ended_ != n_threads_) {
    stop_waiting();
  }
  check_shared_memory();
}

void Machine::thread_main() {
  Machine& m = machine;
  m.launch_->body();
  Thread& self = m.threads_[static_cast<std::size_t>(running_thread)];
  check_products_ended(running_thread);
  self.has_ended = true;
  ++m.n_ended_;
  m.warps_[static_cast<std::size_t>(running_thread / kWarpLanes)].ready &= ~(1U << (running_thread % kWarpLanes));
  self.fiber.end(m.next());
}

/// The warp's lanes begin again, in another order.
void Machine::go_on(int warp) {
  Warp& w = warps_[static_cast<std::size_t>(warp)];
  const std::uint32_t r = random();
  w.first = r % kWarpLanes;
  w.down = (r & 32U) != 0;
}

/// The turn of some warp that can run; the same one again, or any, when none can.
void Machine::to_other_warp() {
  const auto n = static_cast<std::uint32_t>(warps_.size());
  const std::uint32_t first = random() % n;
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint32_t w = (first + i) % n;
    if (warps_[w].ready != 0) {
      warp_ = static_cast<int>(w);
      return;
    }
  }
}

/// Who runs next; the outside when nobody can.
Fiber& Machine::next() {
  if (warps_[static_cast<std::size_t>(warp_)].ready == 0) {
    to_other_warp();
  }
  const Warp& w = warps_[static_cast<std::size_t>(warp_)];
  if (w.ready == 0) {
    return outside_;
  }
  int lane = 0;
  if (w.down) {
    lane = 31 - std::countl_zero(std::rotl(w.ready, static_cast<int>(w.first)));
    lane = (lane - static_cast<int>(w.first) + kWarpLanes) % kWarpLanes;
  } else {
    lane = std::countr_zero(std::rotr(w.ready, static_cast<int>(w.first)));
    lane = (lane + static_cast<int>(w.first)) % kWarpLanes;
  }
  running_thread = warp_ * kWarpLanes + lane;
  Thread& thread = threads_[static_cast<std::size_t>(running_thread)];
  threadIdx = thread.index;
  return thread.fiber;
}

/// The calling thread stops until it is ready again; returns when its turn has come.
void Machine::leave(const Meeting& meeting) {
  Thread& self = threads_[static_cast<std::size_t>(running_thread)];
  self.waits = meeting;
  Fiber& to = next();
  if (&to != &self.fiber) {
    self.fiber.switch_to(to);
  }
}

void Machine::meet_warp(const Meeting& meeting, std::uint32_t lanes, void* operand, Compute compute) {
  const int warp = running_thread / kWarpLanes;
  const auto lane = static_cast<std::size_t>(running_thread % kWarpLanes);
  Warp& w = warps_[static_cast<std::size_t>(warp)];
  const std::uint32_t own = 1U << lane;
  if ((lanes & own) == 0) {
    stop(std::string(meeting.name) + " by a lane that is not in its own mask");
  }
  std::size_t i = 0;
  while (i < w.pending.size() && (w.pending[i].compute != compute || w.pending[i].lanes != lanes)) {
    ++i;
  }
  if (i == w.pending.size()) {
    w.pending.push_back({compute, lanes, 0});
  }
  w.operands[lane] = operand;
  w.pending[i].arrived |= own;
  if (w.pending[i].arrived != lanes) {
    w.ready &= ~own;
    leave(meeting);
    return;
  }
  w.pending.erase(w.pending.begin() + static_cast<std::ptrdiff_t>(i));
  compute(w.operands.data(), lanes);
  w.ready |= lanes;
  go_on(warp);
  if ((random() & turn_mask_) == 0) {
    to_other_warp();
  }
  leave(meeting);
}

void Machine::meet_warpgroup(const Meeting& meeting, void* operand, Compute compute) {
  const int group = running_thread / kGroupThreads;
  if ((group + 1) * kGroupThreads > n_threads_) {
    stop(std::string(meeting.name) + " in a warpgroup of fewer than four warps");
  }
  Warpgroup& g = groups_[static_cast<std::size_t>(group)];
  if (g.n_arrived > 0 && g.compute != compute) {
    stop(std::string(meeting.name) + " while others of the warpgroup are in another instruction");
  }
  g.compute = compute;
  g.operands[static_cast<std::size_t>(running_thread % kGroupThreads)] = operand;
  ++g.n_arrived;
  if (g.n_arrived < kGroupThreads) {
    warps_[static_cast<std::size_t>(running_thread / kWarpLanes)].ready &= ~(1U << (running_thread % kWarpLanes));
    leave(meeting);
    return;
  }
  g.n_arrived = 0;
  compute(g.operands.data(), ~0U);
  for (int w = 0; w < kGroupThreads / kWarpLanes; ++w) {
    const int warp = group * kGroupThreads / kWarpLanes + w;
    warps_[static_cast<std::size_t>(warp)].ready = ~0U;
    go_on(warp);
  }
  to_other_warp();
  leave(meeting);
}

bool is_same(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::string_view(a.file_name()) == b.file_name());
}

void Machine::meet_block(const Meeting& meeting) {
  if (n_at_barrier_ > 0 && !is_same(barrier_, meeting.at)) {
    stop("threads meet at different barriers: " + place_of(barrier_) + " and, thread " +
         std::to_string(running_thread) + ", " + place_of(meeting.at));
  }
  barrier_ = meeting.at;
  ++n_at_barrier_;
  warps_[static_cast<std::size_t>(running_thread / kWarpLanes)].ready &= ~(1U << (running_thread % kWarpLanes));
  if (n_at_barrier_ == n_threads_) {
    n_at_barrier_ = 0;
    for (std::size_t w = 0; w < warps_.size(); ++w) {
      const int n = std::min(n_threads_ - static_cast<int>(w) * kWarpLanes, kWarpLanes);
      warps_[w].ready = n == kWarpLanes ? ~0U : (1U << n) - 1;
      go_on(static_cast<int>(w));
    }
    to_other_warp();
  }
  leave(meeting);
}

/// "3-7 12" of the threads for which `is` holds.
template <class Is>
std::string ranges(int n, Is is) {
  std::string text;
  for (int i = 0; i < n; ++i) {
    if (!is(i) || (i > 0 && is(i - 1))) {
      continue;
    }
    int last = i;
    while (last + 1 < n && is(last + 1)) {
      ++last;
    }
    text += (text.empty() ? "" : " ") + std::to_string(i) + (last > i ? "-" + std::to_string(last) : "");
  }
  return text;
}

void Machine::stop_waiting() {
  std::map<std::string, std::vector<bool>> places;
  for (int i = 0; i < n_threads_; ++i) {
    const Thread& thread = threads_[static_cast<std::size_t>(i)];
    std::string place = "have ended";
    if (!thread.has_ended) {
      place = std::string("wait in ") + thread.waits.name + " at " + place_of(thread.waits.at);
    }
    auto& those = places[place];
    those.resize(static_cast<std::size_t>(n_threads_));
    those[static_cast<std::size_t>(i)] = true;
  }
  std::string text = "threads wait for ever";
  for (const auto& [place, those] : places) {
    text += "\n  " + place + ": " + ranges(n_threads_, [&](int i) { return those[static_cast<std::size_t>(i)]; });
  }
  stop(text);
}

std::string Machine::where() const {
  if (launch_ == nullptr) {
    return "";
  }
  const auto text = [](unsigned int x, unsigned int y, unsigned int z) {
    return "(" + std::to_string(x) + ", " + std::to_string(y) + ", " + std::to_string(z) + ")";
  };
  return "kernel " + name_of(launch_->kernel) + ", block " + text(blockIdx.x, blockIdx.y, blockIdx.z) + " of " +
         text(gridDim.x, gridDim.y, gridDim.z) + ", thread " + std::to_string(running_thread) + " of " +
         std::to_string(n_threads_) + ", seed " + std::to_string(seed_) + ": ";
}

}  // namespace

void run(const Launch& launch) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  machine.run(launch);
}

void meet_warp(const Meeting& meeting, std::uint32_t lanes, void* operand, Compute compute) {
  machine.meet_warp(meeting, lanes, operand, compute);
}
void meet_warpgroup(const Meeting& meeting, void* operand, Compute compute) {
  machine.meet_warpgroup(meeting, operand, compute);
}
void meet_block(const Meeting& meeting) {
  machine.meet_block(meeting);
}

bool takes_early() {
  return machine.takes_early();
}

void stop(const std::string& what) {
  std::fprintf(stderr, "emulated device: %s%s\n", machine.where().c_str(), what.c_str());
  std::fflush(stderr);
  std::_Exit(kStopped);
}

}  // namespace llorch::emulator
