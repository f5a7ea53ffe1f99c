// Sampler: logits -> token. Pure functions; the order is penalties, temperature, top-k, top-p, min-p, draw.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "sampling/params.h"
#include "sampling/split_tokens.h"

namespace llorch {

/// Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC11), keyed by the seed and counted by
/// (position, choice): a uniform number in [0, 1) that is the same on every platform.
double uniform_draw(std::uint64_t seed, std::uint32_t choice, std::uint32_t position);

bool has_penalties(const SamplingParams& params);

/// Logits that lie at least as far below the best one weigh less than `share` (0 < share <= 1) of it, for sure.
double reach_of_share(double share);

/// Draws a token id from logits[vocab]; `split` makes no difference but of time. Each thread that draws
/// keeps memory for one vocabulary of logits. Errors (ErrorCode::internal): a logit
/// is NaN or +inf, or none is above -inf.
Result<std::int32_t> sample(std::span<const float> logits, const SampleSpec& spec, SplitTokens split = split_tokens);

}  // namespace llorch
