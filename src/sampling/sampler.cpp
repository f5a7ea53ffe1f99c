#include "sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <vector>

namespace llorch {
namespace {

struct Candidate {
  std::int32_t id;
  float logit;
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

bool has_penalties(const SamplingParams& p) {
  return p.repetition_penalty != 1.0F || p.presence_penalty != 0.0F || p.frequency_penalty != 0.0F;
}

/// Repetition (CTRL, Keskar et al. 2019: divides positive logits, multiplies negative ones), then presence and
/// frequency (OpenAI: subtracted once, and once per occurrence).
void apply_penalties(std::vector<Candidate>& candidates, const SampleSpec& spec) {
  std::unordered_map<std::int32_t, int> counts;
  for (const std::int32_t id : spec.history) {
    ++counts[id];
  }
  const SamplingParams& p = spec.params;
  for (const auto& [id, count] : counts) {
    if (id < 0 || static_cast<std::size_t>(id) >= candidates.size()) {
      continue;
    }
    float& logit = candidates[static_cast<std::size_t>(id)].logit;
    logit = logit > 0 ? logit / p.repetition_penalty : logit * p.repetition_penalty;
    logit -= p.presence_penalty + p.frequency_penalty * static_cast<float>(count);
  }
}

/// Keeps the `k` best, best first.
void keep_top_k(std::vector<Candidate>& candidates, int k) {
  if (k > 0 && static_cast<std::size_t>(k) < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + (k - 1), candidates.end(), better);
    candidates.resize(static_cast<std::size_t>(k));
  }
}

/// exp(logit - max), not normalised: [n], best first.
std::vector<double> weights_of(const std::vector<Candidate>& sorted) {
  std::vector<double> weights(sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    weights[i] = std::exp(static_cast<double>(sorted[i].logit) - static_cast<double>(sorted.front().logit));
  }
  return weights;
}

/// Length of the shortest prefix that holds a share of `top_p` of the total, at least 1.
std::size_t nucleus(const std::vector<double>& weights, double top_p) {
  const double goal = top_p * std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (sum >= goal) {
      return i + 1;
    }
  }
  return weights.size();
}

std::int32_t draw(const std::vector<Candidate>& sorted, const std::vector<double>& weights, double uniform) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (uniform * total < sum) {
      return sorted[i].id;
    }
  }
  return sorted[weights.size() - 1].id;
}

}  // namespace

double uniform_draw(std::uint64_t seed, std::uint32_t choice, std::uint32_t position) {
  const auto bits = Philox::rounds({position, choice, 0, 0}, static_cast<std::uint32_t>(seed),
                                   static_cast<std::uint32_t>(seed >> 32));
  const std::uint64_t mantissa = ((std::uint64_t{bits[0]} << 32) | bits[1]) >> 11;  // 53 bits
  return static_cast<double>(mantissa) * 0x1.0p-53;
}

Result<std::int32_t> sample(std::span<const float> logits, const SampleSpec& spec) {
  std::vector<Candidate> candidates(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) {
      return Error{ErrorCode::internal, "the model computed NaN for token " + std::to_string(i)};
    }
    candidates[i] = {static_cast<std::int32_t>(i), logits[i]};
  }
  if (has_penalties(spec.params)) {
    apply_penalties(candidates, spec);
  }
  const SamplingParams& p = spec.params;
  const auto best = std::min_element(candidates.begin(), candidates.end(), better);
  if (best == candidates.end() || !std::isfinite(best->logit)) {
    return Error{ErrorCode::internal, "the model computed no finite logit"};
  }
  if (p.temperature == 0.0F) {
    return best->id;
  }
  for (Candidate& c : candidates) {
    c.logit /= p.temperature;
  }
  keep_top_k(candidates, p.top_k);
  std::sort(candidates.begin(), candidates.end(), better);
  if (!std::isfinite(candidates.front().logit)) {  // a tiny temperature overflowed: the limit is greedy
    return candidates.front().id;
  }
  std::vector<double> weights = weights_of(candidates);
  if (p.top_p < 1.0F) {
    weights.resize(nucleus(weights, static_cast<double>(p.top_p)));
  }
  if (p.min_p > 0.0F) {
    const auto too_small = [&p](double w) { return w < static_cast<double>(p.min_p); };  // the best weighs 1
    weights.erase(std::find_if(weights.begin(), weights.end(), too_small), weights.end());
  }
  return draw(candidates, weights, uniform_draw(p.seed, spec.choice, spec.position));
}

}  // namespace llorch
