#include "sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
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
  std::size_t best = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] <= logits[best])) {  // larger, or one of them NaN
      best = i;
      if (std::isnan(logits[i])) {
        break;
      }
    }
  }
  return best;
}

/// The tokens in the order of their logits, without sorting them: bins of logits have counts and weights, and only the
/// bin in which something ends is sorted. Weights are whole numbers (weigh.h): a first part of the order is told by its
/// sum.
class Ranking {
 public:
  Ranking(std::span<const float> logits, float best) : logits_(logits), best_(static_cast<double>(best)) {
    for (const float logit : logits) {
      const double below = best_ - static_cast<double>(logit);
      if (below < kWeightReach) {
        const Below cut = cut_below(below);
        ++counts_[static_cast<std::size_t>(cut.bin)];
        sums_[static_cast<std::size_t>(cut.bin)] += whole(units_of(cut));
      }
    }
  }

  /// The weight of all.
  std::uint64_t total() const { return std::accumulate(sums_.begin(), sums_.end(), std::uint64_t{0}); }

  /// The weight of the `n` best.
  std::uint64_t sum_of(std::int64_t n) const {
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
  std::uint64_t sum_of_share(double share) const {
    std::uint64_t sum = 0;
    const double reach = reach_of_share(share);
    for (const float logit : logits_) {
      const double below = best_ - static_cast<double>(logit);
      if (below < reach) {
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
  Reached reach(std::uint64_t goal) const {
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
  std::vector<Candidate> sorted(std::size_t bin) const {
    std::vector<Candidate> found;
    found.reserve(static_cast<std::size_t>(counts_[bin]));
    for (std::size_t i = 0; i < logits_.size(); ++i) {
      const double below = best_ - static_cast<double>(logits_[i]);
      if (below < kWeightReach) {
        const Below cut = cut_below(below);
        if (static_cast<std::size_t>(cut.bin) == bin) {
          found.push_back({static_cast<std::int32_t>(i), logits_[i], whole(units_of(cut))});
        }
      }
    }
    std::sort(found.begin(), found.end(), better);
    return found;
  }

  std::span<const float> logits_;
  double best_;
  std::array<std::int64_t, kWeightBins> counts_{};
  std::array<std::uint64_t, kWeightBins> sums_{};
};

/// top-k, then top-p of what is left, then min-p, then the draw. Each filter keeps a first part of the ranking.
std::int32_t draw(const Ranking& ranking, const SamplingParams& p, double uniform) {
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

Result<std::int32_t> sample(std::span<const float> logits, const SampleSpec& spec) {
  const SamplingParams& p = spec.params;
  std::vector<float> changed;
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
  return draw(Ranking(logits, logits[best]), p, uniform_draw(p.seed, spec.choice, spec.position));
}

}  // namespace llorch
