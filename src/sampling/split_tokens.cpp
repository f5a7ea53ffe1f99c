#include "sampling/split_tokens.h"

#include <algorithm>

#include "sampling/weigh.h"

namespace llorch {

SplitWeights split_tokens(const float* logits, int n, double best, double reach, std::int32_t* near) {
  constexpr int kBlock = 256;
  SplitWeights split = {};
  for (int i = 0; i < n;) {
    double far[kBlock];  // how far they lie below the best: listed without branches, which could not be foretold
    int n_far = 0;
    for (const int end = std::min(i + kBlock, n); i < end; ++i) {
      const double below = best - static_cast<double>(logits[i]);
      const int is_near = below < reach ? 1 : 0;
      near[split.n_near] = i;
      split.n_near += is_near;
      far[n_far] = below;
      n_far += (below < kWeightReach ? 1 : 0) - is_near;
    }
    for (int j = 0; j < n_far; ++j) {
      split.far += whole(units_of(cut_below(far[j])));
    }
  }
  return split;
}

}  // namespace llorch
