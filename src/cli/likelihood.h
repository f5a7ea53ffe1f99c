// Likelihood: how well logits foretold the tokens that came. Pure functions of `perplexity` and `diff`; everything is
// summed in double.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace llorch::cli {

/// log(sum of exp(logits)). ErrorCode::internal names the first logit that is not finite; there is at least one.
Result<double> log_sum_exp(std::span<const float> logits);

/// log_probs[i] = logits[i] - log_sum_exp(logits), rounded to float. The same number of both; errors as log_sum_exp.
Status log_softmax(std::span<const float> logits, std::span<float> log_probs);

/// The index of the greatest value, the lowest among equals.
std::size_t top_index(std::span<const float> values);

/// Mean of numbers that come one by one, by Welford's sums (Technometrics 4, 1962), and its standard error.
class RunningMean {
 public:
  void add(double x);
  std::int64_t count() const { return count_; }
  double mean() const { return mean_; }
  /// Of the mean: the deviation of the numbers / sqrt(count). NaN below two numbers, which have none.
  double standard_error() const;

 private:
  std::int64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // sum of (x - mean)^2
};

/// exp of a mean of logarithms, with the standard error that it inherits (first order).
struct Exponential {
  double value = 1;
  double standard_error = 0;
};
Exponential exp_of(const RunningMean& logarithms);

/// Nats of `nll_sum` as bits for each of n_bytes; NaN when there are no bytes.
double bits_per_byte(double nll_sum, std::int64_t n_bytes);

}  // namespace llorch::cli
