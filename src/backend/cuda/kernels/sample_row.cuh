// One row's token drawn by one block: sample() of sampling/sampler.h, token for token. The block is a parameter, so
// that sample_row_test.cpp runs the same code with threads of the host.
//
// Tokens have keys that rise from the best to the worst: (logit, falling; id, rising). A histogram over bins of logits
// says in which bin something ends: the k-th token, a sum of weights. The best tokens, and those of such a bin where
// they are others, are listed, sorted and summed up in shared memory. A bin with more tokens than the list takes is cut
// by digits of the keys first, which sorts nothing and ends after at most eight passes, however many logits are equal.
#pragma once

#include <cstdint>

#include "backend/batch.h"
#include "backend/cuda/kernels.h"
#include "backend/cuda/kernels/tally.cuh"
#include "sampling/weigh.h"

namespace llorch::cuda {

/// Shared memory of a block.
struct RowShared {
  Histogram<kWeightBins> bins;
  Histogram<kDigits> digits;
  TokenList list;
  Partial partial;
  std::uint32_t n_listed;
};

/// All threads of a block call every function together and see the same results.
template <class Block>
class RowSampler {
 public:
  LL_DEVICE RowSampler(const Block& block, RowShared& shared, float* logits, int width)
      : block_(block), s_(shared), logits_(logits), width_(width) {}

  LL_DEVICE std::int32_t token(const SampleRow& row, const TokenCount* counts) {
    apply_penalties(row, counts);
    const std::uint64_t best = best_key();
    if (best == kNanKey || magnitude_bits(logit_of(best)) >= kInfinityBits) {
      return kNotSampled;
    }
    if (row.temperature == 0.0F) {
      return id_of(best);
    }
    temperature_ = row.temperature;
    const float highest = tempered(logit_of(best));
    if (magnitude_bits(highest) >= kInfinityBits) {
      return id_of(best);
    }
    best_ = static_cast<double>(highest);
    gather();
    list_best();
    return draw(row);
  }

 private:
  /// Tokens of one bin whose keys lie in an interval, and those that are better than all of them.
  struct Part {
    int first_bin, last_bin;
    std::uint64_t low, high;  // keys, both included
    std::uint32_t count;
    Tally before;
  };
  struct Reached {
    std::uint64_t key;
    std::uint64_t sum;
  };

  /// fn(id, logit) for every token by some thread; loads go out together.
  template <class Fn>
  LL_DEVICE void each(Fn fn) const {
    constexpr int kAtOnce = 8;
    const int stride = block_.n_threads();
    for (int begin = block_.thread(); begin < width_; begin += kAtOnce * stride) {
      float logits[kAtOnce];
      for (int i = 0; i < kAtOnce; ++i) {
        const int id = begin + i * stride;
        logits[i] = id < width_ ? logits_[id] : 0.0F;
      }
      for (int i = 0; i < kAtOnce; ++i) {
        const int id = begin + i * stride;
        if (id < width_) {
          fn(id, logits[i]);
        }
      }
    }
  }

  LL_DEVICE float tempered(float logit) const { return temperature_ == 1.0F ? logit : exact::div(logit, temperature_); }
  LL_DEVICE double below(float tempered_logit) const { return exact::add(best_, -static_cast<double>(tempered_logit)); }

  LL_DEVICE void apply_penalties(const SampleRow& row, const TokenCount* counts) const {
    for (int i = block_.thread(); i < row.n_counts; i += block_.n_threads()) {
      const TokenCount& token = counts[row.first_count + i];
      logits_[token.id] = penalised(logits_[token.id], row.repetition_penalty, row.presence_penalty,
                                    row.frequency_penalty, token.count);
    }
    block_.sync();
  }

  LL_DEVICE std::uint64_t best_key() const {
    std::uint64_t best = ~std::uint64_t{0};
    each([&best](int id, float logit) {
      const bool is_nan = magnitude_bits(logit) > kInfinityBits;
      const std::uint64_t key = is_nan ? kNanKey : key_of(logit, static_cast<std::uint32_t>(id));
      best = key < best ? key : best;
    });
    return smallest(block_, s_.list.keys, best);
  }

  LL_DEVICE void gather() const {
    clear(block_, s_.bins);
    each([this](int, float logit) {
      const double d = below(tempered(logit));
      if (d < kWeightReach) {
        const Below cut = cut_below(d);
        block_.add(&s_.bins.counts[cut.bin], 1);
        add_weight(block_, s_.bins, cut.bin, whole(units_of(cut)));
      }
    });
    block_.sync();
    sum_up(block_, s_.partial, s_.bins, kWeightBins);
  }
  LL_DEVICE Tally all() const { return s_.bins.at(kWeightBins - 1); }

  /// fn(key, below) for every token of the part by some thread.
  template <class Fn>
  LL_DEVICE void each_of(const Part& part, Fn fn) const {
    each([&](int id, float logit) {
      const float x = tempered(logit);
      const double d = below(x);
      if (!(d < kWeightReach)) {
        return;
      }
      const int bin = cut_below(d).bin;
      const std::uint64_t key = key_of(x, static_cast<std::uint32_t>(id));
      if (bin >= part.first_bin && bin <= part.last_bin && key >= part.low && key <= part.high) {
        fn(key, d);
      }
    });
  }

  /// Fills the list with the part's tokens, which must be few enough.
  LL_DEVICE void load(const Part& part) {
    if (block_.thread() == 0) {
      s_.n_listed = 0;
    }
    block_.sync();
    each_of(part, [this](std::uint64_t key, double) { s_.list.keys[block_.add(&s_.n_listed, 1)] = key; });
    block_.sync();
    n_listed_ = static_cast<int>(s_.n_listed);
    before_ = part.before;
    sort_keys(block_, s_.list.keys, n_listed_);
    for (int i = block_.thread(); i < n_listed_; i += block_.n_threads()) {
      s_.list.sums[i] = whole(units_of(cut_below(below(logit_of(s_.list.keys[i])))));
    }
    block_.sync();
    sum_up(block_, s_.partial, s_.list, n_listed_);
  }

  /// The first bins, as many as the list takes; never the last one, which weighs nothing.
  LL_DEVICE void list_best() {
    const int last = find(s_.bins, kWeightBins, Measure::count, kListed + 1) - 1;
    if (last >= 0) {
      load({0, last, 0, ~std::uint64_t{0}, s_.bins.at(last).count, {0, 0}});
    }
  }

  /// Cuts a part by the next digit of its keys: what is left holds the token at which the goal is reached.
  LL_DEVICE void narrow(Part& part, Measure measure, std::uint64_t goal) const {
    int shift = 0;
    while (((part.high - part.low) >> shift) >= kDigits) {
      ++shift;
    }
    block_.sync();
    clear(block_, s_.digits);
    each_of(part, [&](std::uint64_t key, double d) {
      const auto digit = static_cast<int>((key - part.low) >> shift);
      block_.add(&s_.digits.counts[digit], 1);
      add_weight(block_, s_.digits, digit, whole(units_of(cut_below(d))));
    });
    block_.sync();
    sum_up(block_, s_.partial, s_.digits, kDigits);
    const int digit = find(s_.digits, kDigits, measure, goal - measured(measure, part.before));
    const Tally front = digit > 0 ? s_.digits.at(digit - 1) : Tally{0, 0};
    part.count = s_.digits.at(digit).count - front.count;
    part.before = part.before + front;
    part.low += static_cast<std::uint64_t>(digit) << shift;
    const std::uint64_t last = part.low + ((std::uint64_t{1} << shift) - 1);
    part.high = last < part.high ? last : part.high;
  }

  LL_DEVICE void load_around(Measure measure, std::uint64_t goal) {
    constexpr double kBinWidth = 0x1.62e42fefa39efp-6;  // ln 2 / 32, the width of a bin
    const int bin = find(s_.bins, kWeightBins, measure, goal);
    const Tally before = bin > 0 ? s_.bins.at(bin - 1) : Tally{0, 0};
    // Half a bin more on either side than it has: no rounding matters.
    const auto best = static_cast<float>(best_ - (bin - 1) * kBinWidth);
    const auto worst = static_cast<float>(best_ - (bin + 1) * kBinWidth);
    Part part{bin, bin, key_of(best, 0), key_of(worst, ~0U), s_.bins.at(bin).count - before.count, before};
    while (part.count > kListed) {
      narrow(part, measure, goal);
    }
    load(part);
  }

  LL_DEVICE bool is_listed(Measure measure, std::uint64_t goal) const {
    const std::uint64_t before = measured(measure, before_);
    return n_listed_ > 0 && goal > before && goal - before <= measured(measure, s_.list.at(n_listed_ - 1));
  }

  /// The first token at which the goal is reached, which is between 1 and all there is, and the weight up to it.
  LL_DEVICE Reached reach(Measure measure, std::uint64_t goal) {
    if (!is_listed(measure, goal)) {
      load_around(measure, goal);
    }
    const int i = find(s_.list, n_listed_, measure, goal - measured(measure, before_));
    return {s_.list.keys[i], before_.sum + s_.list.sums[i]};
  }

  /// The weight of those that are at least `share` of the best one's weight; none lies `share_reach` below it.
  LL_DEVICE std::uint64_t sum_of_share(double share, double share_reach) const {
    std::uint64_t sum = 0;
    const double least = exact::mul(share, kWeightUnits);
    const auto take = [&](double d) {
      if (d < share_reach) {
        const double units = units_of(cut_below(d));
        sum += units >= least ? whole(units) : 0;
      }
    };
    block_.sync();
    clear(block_, s_.digits);
    const Tally near = share_reach < kWeightReach ? s_.bins.at(cut_below(share_reach).bin) : all();
    if (before_.count == 0 && near.count <= static_cast<std::uint32_t>(n_listed_)) {
      for (int i = block_.thread(); i < n_listed_; i += block_.n_threads()) {
        take(below(logit_of(s_.list.keys[i])));
      }
    } else {
      each([&](int, float logit) { take(below(tempered(logit))); });
    }
    add_weight(block_, s_.digits, 0, sum);
    block_.sync();
    return s_.digits.at(0).sum;
  }

  /// top-k, then top-p of what is left, then min-p, then the draw.
  LL_DEVICE std::int32_t draw(const SampleRow& row) {
    std::uint64_t kept = all().sum;
    if (row.top_k > 0 && static_cast<std::uint32_t>(row.top_k) < all().count) {
      kept = reach(Measure::count, static_cast<std::uint64_t>(row.top_k)).sum;
    }
    if (row.top_p < 1.0F) {
      kept = reach(Measure::weight, top_p_goal(row.top_p, kept)).sum;
    }
    if (row.share > 0) {
      const std::uint64_t shared = sum_of_share(row.share, row.share_reach);
      kept = shared < kept ? shared : kept;
    }
    return id_of(reach(Measure::weight, drawn_goal(row.uniform, kept)).key);
  }

  const Block& block_;
  RowShared& s_;
  float* logits_;
  int width_;
  float temperature_ = 1.0F;
  double best_ = 0;  // the highest logit over the temperature
  int n_listed_ = 0;
  Tally before_{0, 0};  // of what is better than the list
};

/// Draws row `index` of the arguments.
template <class Block>
LL_DEVICE void sample_row(const Block& block, RowShared& shared, const SampleArgs& args, int index) {
  const SampleRow row = args.rows[index];
  float* logits = args.logits + std::int64_t{row.row} * args.width;
  const std::int32_t token = RowSampler<Block>(block, shared, logits, args.width).token(row, args.counts);
  if (block.thread() == 0) {
    args.out[row.row] = token;
  }
}

}  // namespace llorch::cuda
