#include "sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "sampling/weigh.h"

namespace llorch {
namespace {

struct Candidate {
  std::int32_t id;
  float logit;
  std::uint64_t weight;
};

/// Highest logit first, lowest id among equals: a total order, so that every step below is the same everywhere.
bool better(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

struct Philox {
  static constexpr std::uint32_t kM0 = 0xD2511F53U, kM1 = 0xCD9E8D57U;  // multipliers and Weyl constants of the paper
  static constexpr std::uint32_t kW0 = 0x9E3779B9U, kW1 = 0xBB67AE85U;

  static std::array<std::uint32_t, 4> rounds(std::array<std::uint32_t, 4> c, std::uint32_t k0, std::uint32_t k1) {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{kM0} * c[0];
      const std::uint64_t p1 = std::uint64_t{kM1} * c[2];
      c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
           static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
      k0 += kW0;
      k1 += kW1;
    }
    return c;
  }
};

void apply_penalties(std::vector<float>& logits, const SampleSpec& spec) {
  std::unordered_map<std::int32_t, int> counts;
  for (const std::int32_t id : spec.history) {
    ++counts[id];
  }
  const SamplingParams& p = spec.params;
  for (const auto& [id, count] : counts) {
    if (id < 0 || static_cast<std::size_t>(id) >= logits.size()) {
      continue;
    }
    float& logit = logits[static_cast<std::size_t>(id)];
    logit = penalised(logit, p.repetition_penalty, p.presence_penalty, p.frequency_penalty, count);
  }
}

/// The first of the largest; a NaN, wherever it is.
std::size_t best_of(std::span<const float> logits) {
  constexpr std::size_t kLanes = 16, kBlock = 64 * kLanes;
  float best = -std::numeric_limits<float>::infinity();
  std::size_t best_begin = 0;
  for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const std::span<const float> block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    std::array<float, kLanes> top;  // side by side, so that compilers take vectors
    std::array<int, kLanes> is_nan = {};
    top.fill(best);
    std::size_t i = 0;
    for (; i + kLanes <= block.size(); i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const float logit = block[i + lane];
        top[lane] = logit > top[lane] ? logit : top[lane];
        is_nan[lane] |= logit != logit ? 1 : 0;
      }
    }
    for (; i < block.size(); ++i) {
      top[0] = block[i] > top[0] ? block[i] : top[0];
      is_nan[0] |= block[i] != block[i] ? 1 : 0;
    }
    if (std::accumulate(is_nan.begin(), is_nan.end(), 0) > 0) {
      const auto nan = std::find_if(block.begin(), block.end(), [](float logit) { return std::isnan(logit); });
      return begin + static_cast<std::size_t>(nan - block.begin());
    }
    if (const float largest = *std::max_element(top.begin(), top.end()); largest > best) {
      best = largest;
      best_begin = begin;
    }
  }
  const auto first = std::find(logits.begin() + static_cast<std::ptrdiff_t>(best_begin), logits.end(), best);
  return static_cast<std::size_t>(first - logits.begin());
}

/// The tokens in the order of their logits, without sorting them: bins of logits have counts and weights, and only the
/// bin in which something ends is sorted. Weights are whole numbers (weigh.h): a first part of the order is told by its
/// sum. Only tokens near the best one are in bins, where most draws end; of the others the sum is known.
class Ranking {
 public:
  Ranking(std::span<const float> logits, float best, SplitTokens split)
      : logits_(logits), best_(static_cast<double>(best)), split_(split) {
    constexpr double kNear = 5.0;
    rank_up_to(kNear);
  }

  /// The weight of all.
  std::uint64_t total() const { return ranked_weight_ + far_weight_; }

  /// The weight of the `n` best.
  std::uint64_t sum_of(std::int64_t n) {
    if (n >= static_cast<std::int64_t>(logits_.size())) {
      return total();
    }
    while (static_cast<std::int64_t>(ranked_.size()) < n && far_weight_ > 0) {
      rank_more();
    }
    std::uint64_t sum = 0;
    for (std::size_t bin = 0; bin < sums_.size(); ++bin) {
      if (counts_[bin] > n) {
        for (const Candidate& c : sorted(bin)) {
          if (n-- == 0) {
            break;
          }
          sum += c.weight;
        }
        return sum;
      }
      n -= counts_[bin];
      sum += sums_[bin];
    }
    return sum;
  }

  /// The weight of those that are at least `share` of the best one's weight.
  std::uint64_t sum_of_share(double share) {
    const double reach = reach_of_share(share);
    if (reach_ < reach) {
      rank_up_to(reach);
    }
    std::uint64_t sum = 0;
    for (const std::int32_t id : ranked_) {
      if (const double below = below_of(id); below < reach) {
        const double units = units_of(cut_below(below));
        sum += units >= share * kWeightUnits ? whole(units) : 0;
      }
    }
    return sum;
  }

  /// The first token at which the sum of the weights reaches `goal`, which is between 1 and total(), and that sum.
  struct Reached {
    std::int32_t id;
    std::uint64_t sum;
  };
  Reached reach(std::uint64_t goal) {
    while (ranked_weight_ < goal) {
      rank_more();
    }
    std::uint64_t sum = 0;
    std::size_t bin = 0;
    while (sum + sums_[bin] < goal) {
      sum += sums_[bin++];
    }
    for (const Candidate& c : sorted(bin)) {
      sum += c.weight;
      if (sum >= goal) {
        return {c.id, sum};
      }
    }
    LL_CHECK(false, "weights that do not add up");
    return {};
  }

 private:
  double below_of(std::int32_t id) const { return best_ - static_cast<double>(logits_[static_cast<std::size_t>(id)]); }

  void rank_more() { rank_up_to(1.5 * reach_); }

  /// Puts those into bins that lie less than `reach` below the best one.
  void rank_up_to(double reach) {
    reach_ = std::min(reach, kWeightReach);
    ranked_.clear();
    counts_.fill(0);
    sums_.fill(0);
    far_weight_ = 0;
    constexpr int kBlock = 1024;
    std::array<std::int32_t, kBlock> near;
    const auto n = static_cast<int>(logits_.size());
    for (int begin = 0; begin < n; begin += kBlock) {
      const SplitWeights split =
          split_(logits_.data() + begin, std::min(kBlock, n - begin), best_, reach_, near.data());
      far_weight_ += split.far;
      for (int i = 0; i < split.n_near; ++i) {
        ranked_.push_back(begin + near[static_cast<std::size_t>(i)]);
      }
    }
    for (const std::int32_t id : ranked_) {
      const Below cut = cut_below(below_of(id));
      ++counts_[static_cast<std::size_t>(cut.bin)];
      sums_[static_cast<std::size_t>(cut.bin)] += whole(units_of(cut));
    }
    ranked_weight_ = std::accumulate(sums_.begin(), sums_.end(), std::uint64_t{0});
  }

  std::vector<Candidate> sorted(std::size_t bin) const {
    std::vector<Candidate> found;
    found.reserve(static_cast<std::size_t>(counts_[bin]));
    for (const std::int32_t id : ranked_) {
      if (const Below cut = cut_below(below_of(id)); static_cast<std::size_t>(cut.bin) == bin) {
        found.push_back({id, logits_[static_cast<std::size_t>(id)], whole(units_of(cut))});
      }
    }
    std::sort(found.begin(), found.end(), better);
    return found;
  }

  std::span<const float> logits_;
  double best_;
  SplitTokens split_;
  double reach_ = 0;                  // what lies less far below the best is in the bins
  std::vector<std::int32_t> ranked_;  // ids of these
  std::uint64_t ranked_weight_ = 0;
  std::uint64_t far_weight_ = 0;  // of the others
  std::array<std::int64_t, kWeightBins> counts_{};
  std::array<std::uint64_t, kWeightBins> sums_{};
};

/// top-k, then top-p of what is left, then min-p, then the draw. Each filter keeps a first part of the ranking.
std::int32_t draw(Ranking ranking, const SamplingParams& p, double uniform) {
  std::uint64_t kept = p.top_k > 0 ? ranking.sum_of(p.top_k) : ranking.total();
  if (p.top_p < 1.0F) {
    kept = ranking.reach(top_p_goal(p.top_p, kept)).sum;
  }
  if (p.min_p > 0.0F) {
    kept = std::min(kept, ranking.sum_of_share(std::min(1.0, static_cast<double>(p.min_p))));
  }
  return ranking.reach(drawn_goal(uniform, kept)).id;
}

}  // namespace

bool has_penalties(const SamplingParams& p) {
  return p.repetition_penalty != 1.0F || p.presence_penalty != 0.0F || p.frequency_penalty != 0.0F;
}

double reach_of_share(double share) {
  return std::min(kWeightReach, 1e-6 - std::log(share));
}

double uniform_draw(std::uint64_t seed, std::uint32_t choice, std::uint32_t position) {
  const auto bits = Philox::rounds({position, choice, 0, 0}, static_cast<std::uint32_t>(seed),
                                   static_cast<std::uint32_t>(seed >> 32));
  const std::uint64_t mantissa = ((std::uint64_t{bits[0]} << 32) | bits[1]) >> 11;  // 53 bits
  return static_cast<double>(mantissa) * 0x1.0p-53;
}

Result<std::int32_t> sample(std::span<const float> logits, const SampleSpec& spec, SplitTokens split) {
  const SamplingParams& p = spec.params;
  thread_local std::vector<float> changed;  // memory alone is kept: pages of new memory would be cleared for every draw
  changed.clear();
  if (has_penalties(p)) {
    changed.assign(logits.begin(), logits.end());
    apply_penalties(changed, spec);
    logits = changed;
  }
  const std::size_t best = best_of(logits);
  if (!logits.empty() && std::isnan(logits[best])) {
    return Error{ErrorCode::internal, "the model computed NaN for token " + std::to_string(best)};
  }
  if (!logits.empty() && std::isinf(logits[best]) && logits[best] > 0) {
    return Error{ErrorCode::internal, "the model computed infinity for token " + std::to_string(best)};
  }
  if (logits.empty() || !std::isfinite(logits[best])) {
    return Error{ErrorCode::internal, "the model computed no finite logit"};
  }
  if (p.temperature == 0.0F) {
    return static_cast<std::int32_t>(best);
  }
  if (p.temperature != 1.0F) {
    if (changed.empty()) {
      changed.assign(logits.begin(), logits.end());
    }
    for (float& logit : changed) {
      logit /= p.temperature;
    }
    logits = changed;
    if (!std::isfinite(logits[best])) {  // a tiny temperature overflowed: the limit is greedy
      return static_cast<std::int32_t>(best);
    }
  }
  return draw(Ranking(logits, logits[best], split), p, uniform_draw(p.seed, spec.choice, spec.position));
}

}  // namespace llorch
