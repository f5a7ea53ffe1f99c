#include "sampling/split_tokens.h"

#include <algorithm>

#include "sampling/weigh.h"

namespace llorch {

std::uint64_t split_tokens(const float* logits, int begin, int end, double best, double reach, std::int32_t* near,
                           int& n_near) {
  constexpr int kBlock = 256;
  std::uint64_t far_weight = 0;
  int listed = 0;
  for (int i = begin; i < end;) {
    double far[kBlock];  // how far they lie below the best: listed without branches, which could not be foretold
    int n_far = 0;
    for (const int block_end = std::min(i + kBlock, end); i < block_end; ++i) {
      const double below = best - static_cast<double>(logits[i]);
      const int is_near = below < reach ? 1 : 0;
      near[listed] = i;
      listed += is_near;
      far[n_far] = below;
      n_far += (below < kWeightReach ? 1 : 0) - is_near;
    }
    for (int j = 0; j < n_far; ++j) {
      far_weight += whole(units_of(cut_below(far[j])));
    }
  }
  n_near = listed;
  return far_weight;
}

}  // namespace llorch
