// A vocabulary split into the few tokens among which a draw may end, and the weight of all others.
#pragma once

#include <cstdint>

namespace llorch {

/// Of logits [begin, end), none of them NaN or above `best`, those that lie less than `reach` <= kWeightReach (weigh.h)
/// below the best one are near: writes their ids, in order, to near[0 ...], which has room for all, and their number to
/// n_near. Returns the sum of the weights of the others.
using SplitTokens = std::uint64_t (*)(const float* logits, int begin, int end, double best, double reach,
                                      std::int32_t* near, int& n_near);

/// The definition. Backends have faster ones, with the same bits.
std::uint64_t split_tokens(const float* logits, int begin, int end, double best, double reach, std::int32_t* near,
                           int& n_near);

}  // namespace llorch
