// What drawing a token by a block is made of: keys that order tokens, histograms of their weights, a list that is
// sorted.
//
// Block: thread(), n_threads() (up to kListed), sync(), and add(to, n), which adds to shared memory atomically and
// returns what was there. All threads call the functions that take one together.
#pragma once

#include <bit>
#include <cstdint>

#include "sampling/weigh.h"

#ifdef __CUDACC__
#define LL_DEVICE __device__
#else
#define LL_DEVICE
#endif

namespace llorch::cuda {

inline constexpr int kListed = 1024;      // tokens of the list, a power of two
inline constexpr int kDigits = 256;       // into which one pass cuts an interval of keys
inline constexpr int kScanThreads = 256;  // that add up histograms

/// A logit and its id as one number: the better, the smaller. The two zeros are one.
LL_DEVICE inline std::uint64_t key_of(float logit, std::uint32_t id) {
  constexpr std::uint32_t kSign = 0x80000000U;
  const auto bits = std::bit_cast<std::uint32_t>(logit);
  const std::uint32_t falling = bits == kSign ? ~kSign : (bits & kSign) != 0 ? bits : ~(bits | kSign);
  return (std::uint64_t{falling} << 32) | id;
}
inline constexpr std::uint64_t kNanKey = 0;  // better than +inf

LL_DEVICE inline float logit_of(std::uint64_t key) {
  constexpr std::uint32_t kSign = 0x80000000U;
  const auto falling = static_cast<std::uint32_t>(key >> 32);
  return std::bit_cast<float>((falling & kSign) != 0 ? falling : ~falling & ~kSign);
}

LL_DEVICE inline std::int32_t id_of(std::uint64_t key) {
  return static_cast<std::int32_t>(key & 0xFFFFFFFFU);
}

LL_DEVICE inline std::uint32_t magnitude_bits(float x) {
  return std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFU;
}
inline constexpr std::uint32_t kInfinityBits = 0x7F800000U;

/// Tokens and their weight.
struct Tally {
  std::uint64_t sum;
  std::uint32_t count;
};
LL_DEVICE inline Tally operator+(const Tally& a, const Tally& b) {
  return {a.sum + b.sum, a.count + b.count};
}

enum class Measure : std::uint8_t { count, weight };
LL_DEVICE inline std::uint64_t measured(Measure measure, const Tally& tally) {
  return measure == Measure::count ? tally.count : tally.sum;
}

/// Tokens by bin; after sum_up() those of all bins up to each. Weights lie in two halves: there is no instruction that
/// adds 64 bits to shared memory.
template <int n>
struct Histogram {
  std::uint32_t counts[n];
  std::uint32_t low[n];
  std::uint32_t high[n];
  LL_DEVICE Tally at(int i) const { return {(std::uint64_t{high[i]} << 32) | low[i], counts[i]}; }
  LL_DEVICE void set(int i, const Tally& tally) {
    counts[i] = tally.count;
    low[i] = static_cast<std::uint32_t>(tally.sum);
    high[i] = static_cast<std::uint32_t>(tally.sum >> 32);
  }
};

struct TokenList {
  std::uint64_t keys[kListed];  // rising
  std::uint64_t sums[kListed];  // weights, after sum_up() those of all up to each
  LL_DEVICE Tally at(int i) const { return {sums[i], static_cast<std::uint32_t>(i) + 1}; }
};

/// What sum_up() needs: two rounds of sums.
struct Partial {
  Tally sums[2][kScanThreads];
};

template <class Block, int n>
LL_DEVICE void clear(const Block& block, Histogram<n>& histogram) {
  for (int i = block.thread(); i < n; i += block.n_threads()) {
    histogram.set(i, {0, 0});
  }
  block.sync();
}

/// By one thread alone; the halves' carry is seen by the thread whose addition wraps.
template <class Block, int n>
LL_DEVICE void add_weight(const Block& block, Histogram<n>& to, int bin, std::uint64_t weight) {
  const auto low = static_cast<std::uint32_t>(weight);
  const std::uint32_t sum = block.add(&to.low[bin], low) + low;
  const std::uint32_t high = static_cast<std::uint32_t>(weight >> 32) + (sum < low ? 1 : 0);
  if (high != 0) {
    block.add(&to.high[bin], high);
  }
}

template <int n>
LL_DEVICE Tally value_of(const Histogram<n>& values, int i) {
  return values.at(i);
}
template <int n>
LL_DEVICE void set_value(Histogram<n>& values, int i, const Tally& sum) {
  values.set(i, sum);
}
LL_DEVICE inline Tally value_of(const TokenList& list, int i) {
  return {list.sums[i], 1};
}
LL_DEVICE inline void set_value(TokenList& list, int i, const Tally& sum) {
  list.sums[i] = sum.sum;
}

/// Makes values [0, n) the sums of those up to each: a piece a thread, then the pieces' sums in steps of 1, 2, 4, ...
template <class Block, class Values>
LL_DEVICE void sum_up(const Block& block, Partial& partial, Values& values, int n) {
  const int n_pieces = block.n_threads() < kScanThreads ? block.n_threads() : kScanThreads;
  const int piece = (n + n_pieces - 1) / n_pieces;
  const int thread = block.thread();
  const bool scans = thread < n_pieces;
  const int begin = thread * piece < n ? thread * piece : n;
  const int end = begin + piece < n ? begin + piece : n;
  if (scans) {
    Tally sum{0, 0};
    for (int i = begin; i < end; ++i) {
      sum = sum + value_of(values, i);
    }
    partial.sums[0][thread] = sum;
  }
  block.sync();
  int from = 0;
  for (int step = 1; step < n_pieces; step *= 2) {
    if (scans) {
      const Tally own = partial.sums[from][thread];
      partial.sums[1 - from][thread] = thread >= step ? own + partial.sums[from][thread - step] : own;
    }
    from = 1 - from;
    block.sync();
  }
  if (scans) {
    Tally sum = thread > 0 ? partial.sums[from][thread - 1] : Tally{0, 0};
    for (int i = begin; i < end; ++i) {
      sum = sum + value_of(values, i);
      set_value(values, i, sum);
    }
  }
  block.sync();
}

/// The first of n sums that reaches the goal; the last where none does. By each thread alone.
template <class Sums>
LL_DEVICE int find(const Sums& sums, int n, Measure measure, std::uint64_t goal) {
  int low = 0;
  int high = n - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (measured(measure, sums.at(middle)) >= goal) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/// The smallest of the threads' values; keys [n_threads] may be written again after the next sync().
template <class Block>
LL_DEVICE std::uint64_t smallest(const Block& block, std::uint64_t* keys, std::uint64_t own) {
  const int thread = block.thread();
  keys[thread] = own;
  for (int n = block.n_threads(); n > 1;) {
    const int half = (n + 1) / 2;
    block.sync();
    if (thread < n - half && keys[thread + half] < keys[thread]) {
      keys[thread] = keys[thread + half];
    }
    n = half;
  }
  block.sync();
  return keys[0];
}

/// Sorts keys [0, n), n up to kListed: bitonic, filled up with keys behind all others.
template <class Block>
LL_DEVICE void sort_keys(const Block& block, std::uint64_t* keys, int n) {
  int filled = 1;
  while (filled < n) {
    filled *= 2;
  }
  for (int i = n + block.thread(); i < filled; i += block.n_threads()) {
    keys[i] = ~std::uint64_t{0};
  }
  block.sync();
  for (int run = 2; run <= filled; run *= 2) {
    for (int step = run / 2; step > 0; step /= 2) {
      for (int i = block.thread(); i < filled; i += block.n_threads()) {
        const int other = i ^ step;
        const bool rises = (i & run) == 0;
        if (other > i && (keys[i] > keys[other]) == rises) {
          const std::uint64_t key = keys[i];
          keys[i] = keys[other];
          keys[other] = key;
        }
      }
      block.sync();
    }
  }
}

}  // namespace llorch::cuda
