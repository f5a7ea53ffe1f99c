// The reference route: which experts a token passes, and with which weights.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "backend/ref/ops.h"
#include "base/check.h"

namespace llorch::ref {
namespace {

/// Softmax of n values in place.
void softmax(float* x, int n) {
  const float largest = *std::max_element(x, x + n);
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    x[i] = std::exp(x[i] - largest);
    sum += static_cast<double>(x[i]);
  }
  for (int i = 0; i < n; ++i) {
    x[i] = static_cast<float>(static_cast<double>(x[i]) / sum);
  }
}

/// The largest of the values that are not taken yet, the first of equals; always one of them, whatever NaN there is.
int take_best(const float* values, bool* taken, int n) {
  int best = -1;
  for (int i = 0; i < n; ++i) {
    if (!taken[i] && (best < 0 || values[i] > values[best])) {
      best = i;
    }
  }
  taken[best] = true;
  return best;
}

/// This thread's scratch, for one token.
struct Scratch {
  Scratch(const Moe& moe, const Work& work) {
    const auto n = static_cast<std::size_t>(moe.n_experts);
    LL_CHECK(n * 14 <= work.scratch.size(), "the experts of a layer exceed the scratch of route");
    scores = reinterpret_cast<float*>(work.scratch.data());
    choice = scores + n;
    group_scores = choice + n;
    taken = reinterpret_cast<bool*>(group_scores + n);
    group_taken = taken + n;
  }
  float* scores;        // [n_experts]
  float* choice;        // [n_experts] scores, with the bias of the choice
  float* group_scores;  // [n_groups]
  bool* taken;          // [n_experts]
  bool* group_taken;    // [n_groups]
};

/// Takes the experts of all groups but the best out of the choice. A group's score is its best, or the sum of its best
/// two.
void keep_best_groups(const Moe& moe, const Scratch& s) {
  const int size = moe.n_experts / moe.n_groups;
  for (int g = 0; g < moe.n_groups; ++g) {
    const float* choice = s.choice + g * size;
    float best = choice[0];
    float second = size > 1 ? -INFINITY : 0.0F;
    for (int i = 1; i < size; ++i) {
      second = std::max(second, std::min(best, choice[i]));
      best = std::max(best, choice[i]);
    }
    s.group_scores[g] = moe.group_best == 1 ? best : best + second;
  }
  std::fill_n(s.group_taken, moe.n_groups, false);
  std::fill_n(s.taken, moe.n_experts, true);
  for (int i = 0; i < moe.groups_used; ++i) {
    std::fill_n(s.taken + take_best(s.group_scores, s.group_taken, moe.n_groups) * size, size, false);
  }
}

void route_one(const RouteOp& op, const Work& work, const Scratch& s, const float* logits, float* picks) {
  const Moe& moe = op.moe;
  for (int e = 0; e < moe.n_experts; ++e) {
    s.scores[e] = moe.gating == Gating::sigmoid ? 1.0F / (1.0F + std::exp(-logits[e])) : logits[e];
  }
  if (moe.gating == Gating::softmax) {
    softmax(s.scores, moe.n_experts);
  }
  const float* bias = work.vector(op.select_bias);
  for (int e = 0; e < moe.n_experts; ++e) {
    s.choice[e] = s.scores[e] + (bias != nullptr ? bias[e] : 0.0F);
  }
  std::fill_n(s.taken, moe.n_experts, false);
  if (moe.groups_used < moe.n_groups) {
    keep_best_groups(moe, s);
  }
  float* weights = picks + moe.n_used;
  float sum = 0;
  for (int j = 0; j < moe.n_used; ++j) {
    const int e = take_best(s.choice, s.taken, moe.n_experts);
    picks[j] = static_cast<float>(e);
    weights[j] = s.scores[e];
    sum += weights[j];
  }
  if (moe.gating == Gating::softmax_of_chosen) {
    softmax(weights, moe.n_used);
  }
  for (int j = 0; j < moe.n_used; ++j) {
    weights[j] = moe.scale * (moe.norm_chosen ? weights[j] / std::max(sum, 1e-20F) : weights[j]);
  }
}

}  // namespace

void route(const RouteOp& op, const Work& work) {
  const Scratch scratch(op.moe, work);
  const Range tokens = part_of(work.batch->n_tokens(), work.thread, work.n_threads);
  for (int t = tokens.begin; t < tokens.end; ++t) {
    const auto row = static_cast<std::ptrdiff_t>(t);
    route_one(op, work, scratch, work.slot(Slot::route) + row * op.moe.n_experts,
              work.slot(Slot::picks) + row * 2 * op.moe.n_used);
  }
}

}  // namespace llorch::ref
