#include "cli/divergence.h"

#include <algorithm>
#include <cmath>

namespace llorch::cli {

double kl_divergence(std::span<const float> base, std::span<const float> other) {
  double sum = 0;
  for (std::size_t i = 0; i < base.size(); ++i) {
    const auto log_p = static_cast<double>(base[i]);
    const auto log_q = static_cast<double>(other[i]);
    const double p = std::exp(log_p);
    // Probabilities that add up to 1 on both sides add nothing by q - p; these, which were rounded to float, add just
    // what the rounding did to the sums. With it no term is below 0.
    sum += p * (log_p - log_q) + (std::exp(log_q) - p);
  }
  return std::max(sum, 0.0);
}

double quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

void Divergence::add(std::span<const float> base, std::span<const float> other, std::int32_t token) {
  kl_.push_back(kl_divergence(base, other));
  same_top_ += top_index(base) == top_index(other) ? 1 : 0;
  const auto log_p = static_cast<double>(base[static_cast<std::size_t>(token)]);
  const auto log_q = static_cast<double>(other[static_cast<std::size_t>(token)]);
  const double apart = std::exp(log_q) - std::exp(log_p);
  squared_probability_.add(apart * apart);
  base_nll_.add(-log_p);
  nll_difference_.add(log_p - log_q);
}

DivergenceSummary Divergence::summary() const {
  RunningMean mean;
  for (const double kl : kl_) {
    mean.add(kl);
  }
  std::vector<double> sorted = kl_;
  std::sort(sorted.begin(), sorted.end());
  return {.kl_mean = mean.mean(),
          .kl_error = mean.standard_error(),
          .kl_median = quantile(sorted, 0.5),
          .kl_99 = quantile(sorted, 0.99),
          .kl_max = sorted.back(),
          .top_agreement = static_cast<double>(same_top_) / static_cast<double>(kl_.size()),
          .rms_probability = std::sqrt(squared_probability_.mean()),
          .base_perplexity = exp_of(base_nll_),
          .perplexity_ratio = exp_of(nll_difference_)};
}

}  // namespace llorch::cli
