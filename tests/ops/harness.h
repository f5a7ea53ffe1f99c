// Stage: what an op function needs to run without a model: threads, scratch, slots, weights and a batch, all small and
// of exact size, so that AddressSanitizer sees a step beyond.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "backend/ops.h"
#include "base/threads.h"
#include "tables.h"

namespace llorch::test {

/// A 64-byte aligned buffer of n values, as a backend allocates its slots.
template <class T>
class Aligned {
 public:
  explicit Aligned(std::size_t n = 0)
      : data_(static_cast<T*>(std::aligned_alloc(64, (n * sizeof(T) + 127) / 64 * 64)), &std::free), size_(n) {
    std::fill_n(data_.get(), n, T{});
  }
  T* data() const { return data_.get(); }
  std::span<T> span() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<T, decltype(&std::free)> data_;
  std::size_t size_;
};

/// Numbers like activations: normal, with a few ten times larger. The same for a seed on every machine.
inline std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float size = 1.0F) {
  std::mt19937 random(seed);
  std::vector<float> out(n);
  for (float& v : out) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) {
      sum += static_cast<float>(random() >> 8) * 0x1p-24F - 0.5F;
    }
    v = sum * size * (random() % 32 == 0 ? 10.0F : 1.0F);
  }
  return out;
}

/// One team per number of threads, kept for the whole program.
inline ThreadTeam& team_of(int n_threads) {
  static std::map<int, std::unique_ptr<ThreadTeam>> teams;
  auto& team = teams[n_threads];
  if (team == nullptr) {
    team = std::make_unique<ThreadTeam>(n_threads);
  }
  return *team;
}

class Stage {
 public:
  static constexpr int kMaxThreads = 3;

  Stage() : shared_(1 << 20) {
    for (int i = 0; i < kMaxThreads; ++i) {
      scratch_.emplace_back(kScratchBytes);
    }
  }

  Plan plan;
  HostWeights weights;
  Batch batch;
  std::vector<KvLayer> kv;
  KvType kv_type = KvType::f32;
  Activations activations = Activations::f32;

  /// Gives a slot its width and n_tokens * width values.
  void set_slot(Slot slot, int width, const std::vector<float>& values) {
    plan.widths[static_cast<std::size_t>(slot)] = width;
    slots_[static_cast<std::size_t>(slot)] = values;
  }
  std::vector<float>& slot(Slot slot) { return slots_[static_cast<std::size_t>(slot)]; }

  /// A batch of n tokens of one sequence at positions 0..n-1, for ops that look at the number of tokens alone.
  void set_tokens(int n) {
    tokens_.assign(static_cast<std::size_t>(n), 0);
    positions_.resize(static_cast<std::size_t>(n));
    for (int t = 0; t < n; ++t) {
      positions_[static_cast<std::size_t>(t)] = t;
    }
    batch.tokens = tokens_;
    batch.positions = positions_;
  }

  /// Adds a float vector; returns its id.
  WeightId add_vector(std::vector<float> values) {
    weights.vectors.push_back(std::move(values));
    weights.matrices.emplace_back();
    return static_cast<WeightId>(weights.vectors.size()) - 1;
  }

  /// Calls fn on every thread of a team, as the walk over a plan does.
  void run(int n_threads, const std::function<void(const Work&)>& fn) {
    ThreadTeam& team = team_of(n_threads);
    team.run([&](int thread) {
      Work work;
      work.plan = &plan;
      work.weights = &weights;
      work.batch = &batch;
      for (std::size_t s = 0; s < kSlots; ++s) {
        work.slots[s] = slots_[s].data();
      }
      work.kv = kv;
      work.kv_type = kv_type;
      work.activations = activations;
      work.team = &team;
      work.thread = thread;
      work.n_threads = n_threads;
      work.scratch = scratch_[static_cast<std::size_t>(thread)].span();
      work.shared = shared_.span();
      fn(work);
    });
  }

 private:
  std::array<std::vector<float>, kSlots> slots_;
  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<Aligned<std::byte>> scratch_;
  Aligned<std::byte> shared_;
};

/// A matrix in a table's layout, in memory of exactly its size.
class Packed {
 public:
  Packed(const OpTable& table, const MatrixView& w) {
    if (packed_bytes(table, w) == 0) {
      return;
    }
    bytes_ = std::make_unique<Aligned<std::byte>>(packed_bytes(table, w));
    table.pack(w, {0, packed_groups(table, w)}, bytes_->data());
  }
  const std::byte* data() const { return bytes_ == nullptr ? nullptr : bytes_->data(); }

 private:
  std::unique_ptr<Aligned<std::byte>> bytes_;
};

/// Largest |a - b|; infinity when one of them is not finite where the other is.
inline float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const float difference = std::fabs(a[i] - b[i]);
    largest = std::isfinite(difference) ? std::max(largest, difference) : INFINITY;
  }
  return largest;
}

/// Squares of the differences over squares of `want`: how formats and kernels are usually compared.
inline double nmse(const std::vector<float>& got, const std::vector<float>& want) {
  double error = got.size() == want.size() ? 0 : INFINITY;
  double size = 1e-30;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    error += std::pow(static_cast<double>(got[i]) - static_cast<double>(want[i]), 2);
    size += std::pow(static_cast<double>(want[i]), 2);
  }
  return error / size;
}

}  // namespace llorch::test
