// Divergence: how far one run's probabilities are from another's at the same positions of a text. Pure; `perplexity
// --against` and `diff` print it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cli/likelihood.h"

namespace llorch::cli {

/// KL(base || other) = sum of p_base (log p_base - log p_other), in nats, of two rows of log-probabilities of the same
/// length. 0 for equal rows, never below.
double kl_divergence(std::span<const float> base, std::span<const float> other);

/// The value below which `share` (0..1) of `sorted` lies, interpolated between neighbours; `sorted` is not empty.
double quantile(std::span<const double> sorted, double share);

/// Many positions.
struct DivergenceSummary {
  double kl_mean = 0;
  double kl_error = 0;  // standard error of kl_mean; NaN for one position
  double kl_median = 0;
  double kl_99 = 0;
  double kl_max = 0;
  double top_agreement = 0;      // share of the positions where both like the same token best
  double rms_probability = 0;    // of p_other - p_base of the token that came
  Exponential base_perplexity;   // of the base's numbers
  Exponential perplexity_ratio;  // other / base, its error from the differences token by token
};

class Divergence {
 public:
  /// One position: log-probabilities [vocab] of both runs, and the token that came.
  void add(std::span<const float> base, std::span<const float> other, std::int32_t token);
  std::int64_t count() const { return base_nll_.count(); }
  /// Needs at least one position.
  DivergenceSummary summary() const;

 private:
  std::vector<double> kl_;  // [positions]
  std::int64_t same_top_ = 0;
  RunningMean squared_probability_;
  RunningMean base_nll_;
  RunningMean nll_difference_;  // other - base
};

}  // namespace llorch::cli
