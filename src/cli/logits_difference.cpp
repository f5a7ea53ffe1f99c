#include "cli/logits_difference.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/format.h"
#include "cli/divergence.h"
#include "cli/likelihood.h"

namespace llorch::cli {
namespace {

Status log_softmax_of(std::string_view run, std::int64_t row, std::span<const float> logits,
                      std::span<float> log_probs) {
  const Status status = log_softmax(logits, log_probs);
  return status.ok() ? Status() : errorf(status.error().code, "{}: row {}: {}", run, row, status.error().message);
}

}  // namespace

Result<LogitsDifference> difference_of_logits(std::span<const float> a, std::span<const float> b, std::size_t vocab) {
  LogitsDifference d;
  RunningMean kl_mean;
  std::vector<float> log_p(vocab);
  std::vector<float> log_q(vocab);
  for (std::size_t begin = 0; begin < a.size(); begin += vocab, ++d.n_rows) {
    const auto row_a = a.subspan(begin, vocab);
    const auto row_b = b.subspan(begin, vocab);
    LL_TRY(log_softmax_of("A", d.n_rows, row_a, log_p));
    LL_TRY(log_softmax_of("B", d.n_rows, row_b, log_q));
    for (std::size_t id = 0; id < vocab; ++id) {
      const double apart = std::fabs(static_cast<double>(row_a[id]) - static_cast<double>(row_b[id]));
      if (apart > d.max_abs) {
        d.max_abs = apart;
        d.row = d.n_rows;
        d.id = static_cast<std::int64_t>(id);
      }
    }
    const double kl = kl_divergence(log_p, log_q);
    kl_mean.add(kl);
    d.kl_max = std::max(d.kl_max, kl);
    d.last_top_a = static_cast<std::int64_t>(top_index(row_a));
    d.last_top_b = static_cast<std::int64_t>(top_index(row_b));
    d.same_top += d.last_top_a == d.last_top_b ? 1 : 0;
  }
  d.kl_mean = kl_mean.mean();
  return d;
}

}  // namespace llorch::cli
