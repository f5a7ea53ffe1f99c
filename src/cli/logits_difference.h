// How far the logits of two runs of the same tokens are from each other. Pure; `diff` prints it.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace llorch::cli {

struct LogitsDifference {
  std::int64_t n_rows = 0;
  double max_abs = 0;  // the largest |a - b|, and where
  std::int64_t row = 0;
  std::int64_t id = 0;
  double kl_mean = 0;  // KL(a || b) of the rows, nats
  double kl_max = 0;
  std::int64_t same_top = 0;  // rows where both like the same token best
  std::int64_t last_top_a = 0;
  std::int64_t last_top_b = 0;
};

/// a and b are [rows, vocab], of at least one row. ErrorCode::internal names the run ("A"), the row and the logit that
/// is not finite.
Result<LogitsDifference> difference_of_logits(std::span<const float> a, std::span<const float> b, std::size_t vocab);

}  // namespace llorch::cli
