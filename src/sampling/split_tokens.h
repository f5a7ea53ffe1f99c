// A vocabulary split into the few tokens among which a draw may end, and the weight of all others.
#pragma once

#include <cstdint>

namespace llorch {

struct SplitWeights {
  int n_near;
  std::uint64_t far;  // the sum of the weights (weigh.h) of those that are not near
};

/// Of logits[n], none of them NaN or above `best`, those are near that lie less than `reach` <= kWeightReach below the
/// best one: their indices go to near[0 ...], in order. `near` has room for n; what follows the near ones may be
/// overwritten.
using SplitTokens = SplitWeights (*)(const float* logits, int n, double best, double reach, std::int32_t* near);

/// The definition. Backends have faster ones, with the same bits.
SplitWeights split_tokens(const float* logits, int n, double best, double reach, std::int32_t* near);

}  // namespace llorch
