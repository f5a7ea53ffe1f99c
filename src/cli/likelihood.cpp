#include "cli/likelihood.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/format.h"

namespace llorch::cli {

Result<double> log_sum_exp(std::span<const float> logits) {
  const auto bad = std::find_if(logits.begin(), logits.end(), [](float x) { return !std::isfinite(x); });
  if (bad != logits.end()) {
    return errorf(ErrorCode::internal, "the logit of token {} is {}", bad - logits.begin(), *bad);
  }
  const auto greatest = static_cast<double>(logits[top_index(logits)]);
  double sum = 0;
  for (const float logit : logits) {
    sum += std::exp(static_cast<double>(logit) - greatest);
  }
  return greatest + std::log(sum);
}

Status log_softmax(std::span<const float> logits, std::span<float> log_probs) {
  LL_ASSIGN(const double total, log_sum_exp(logits));
  std::transform(logits.begin(), logits.end(), log_probs.begin(),
                 [total](float logit) { return static_cast<float>(static_cast<double>(logit) - total); });
  return {};
}

std::size_t top_index(std::span<const float> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

void RunningMean::add(double x) {
  ++count_;
  const double before = x - mean_;
  mean_ += before / static_cast<double>(count_);
  squares_ += before * (x - mean_);
}

double RunningMean::standard_error() const {
  if (count_ < 2) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const auto n = static_cast<double>(count_);
  return std::sqrt(squares_ / (n - 1) / n);
}

Exponential exp_of(const RunningMean& logarithms) {
  const double value = std::exp(logarithms.mean());
  return {value, value * logarithms.standard_error()};
}

double bits_per_byte(double nll_sum, std::int64_t n_bytes) {
  if (n_bytes == 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return nll_sum / std::numbers::ln2 / static_cast<double>(n_bytes);
}

}  // namespace llorch::cli
