// Which experts a token passes, the order in which they are computed, and their sum. Definitions: ref/route.cpp and
// cpu/experts.cpp.
#include <cmath>

#include "backend/cuda/kernels/device.cuh"
#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/launch.h"

namespace llorch::cuda {
namespace {

__device__ inline float warp_max(float value) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, step));
  }
  return value;
}

__device__ inline double warp_sum(double value) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, step);
  }
  return value;
}

/// Softmax of n values in place, by a warp.
__device__ void softmax(float* x, int n) {
  const int lane = static_cast<int>(threadIdx.x);
  float largest = -INFINITY;
  for (int i = lane; i < n; i += kWarp) {
    largest = fmaxf(largest, x[i]);
  }
  largest = warp_max(largest);
  double sum = 0;
  for (int i = lane; i < n; i += kWarp) {
    x[i] = expf(x[i] - largest);
    sum += static_cast<double>(x[i]);
  }
  sum = warp_sum(sum);
  for (int i = lane; i < n; i += kWarp) {
    x[i] = static_cast<float>(static_cast<double>(x[i]) / sum);
  }
  __syncwarp();
}

/// The largest of the values that are not taken yet, the first of equals; always one of them, whatever NaN there is.
__device__ int take_best(const float* values, unsigned char* taken, int n) {
  int best = -1;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += kWarp) {
    if (taken[i] == 0 && (best < 0 || values[i] > values[best])) {
      best = i;
    }
  }
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const int other = __shfl_xor_sync(kAllLanes, best, step);
    const int low = min(best, other);
    const int high = max(best, other);
    best = low < 0 ? high : values[high] > values[low] ? high : low;
  }
  __syncwarp();
  if (threadIdx.x == 0) {
    taken[best] = 1;
  }
  __syncwarp();
  return best;
}

/// Takes the experts of all groups but the best out of the choice.
__device__ void keep_best_groups(const Moe& moe, const float* choice, float* group_scores, unsigned char* taken,
                                 unsigned char* group_taken) {
  const int lane = static_cast<int>(threadIdx.x);
  const int size = moe.n_experts / moe.n_groups;
  for (int g = lane; g < moe.n_groups; g += kWarp) {
    float best = choice[g * size];
    float second = size > 1 ? -INFINITY : 0.0F;
    for (int i = 1; i < size; ++i) {
      second = fmaxf(second, fminf(best, choice[g * size + i]));
      best = fmaxf(best, choice[g * size + i]);
    }
    group_scores[g] = moe.group_best == 1 ? best : best + second;
    group_taken[g] = 0;
  }
  for (int e = lane; e < moe.n_experts; e += kWarp) {
    taken[e] = 1;
  }
  __syncwarp();
  for (int i = 0; i < moe.groups_used; ++i) {
    const int group = take_best(group_scores, group_taken, moe.n_groups);
    for (int e = lane; e < size; e += kWarp) {
      taken[group * size + e] = 0;
    }
    __syncwarp();
  }
}

/// A warp a token.
__global__ __launch_bounds__(kWarp) void route_tokens(RouteArgs p) {
  LL_DYNAMIC_SHARED(float, shared);
  wait_for_inputs();
  const Moe& moe = p.moe;
  const int lane = static_cast<int>(threadIdx.x);
  const int n = moe.n_experts;
  float* scores = shared;                                            // [n]
  float* choice = scores + n;                                        // [n]
  float* group_scores = choice + n;                                  // [n]
  auto* taken = reinterpret_cast<unsigned char*>(group_scores + n);  // [n]
  unsigned char* group_taken = taken + n;                            // [n]
  const float* logits = p.logits + std::int64_t{blockIdx.x} * n;
  float* picks = p.picks + std::int64_t{blockIdx.x} * 2 * moe.n_used;
  for (int e = lane; e < n; e += kWarp) {
    scores[e] = moe.gating == Gating::sigmoid ? 1.0F / (1.0F + expf(-logits[e])) : logits[e];
    taken[e] = 0;
  }
  __syncwarp();
  if (moe.gating == Gating::softmax) {
    softmax(scores, n);
  }
  for (int e = lane; e < n; e += kWarp) {
    choice[e] = scores[e] + (p.select_bias != nullptr ? p.select_bias[e] : 0.0F);
  }
  __syncwarp();
  if (moe.groups_used < moe.n_groups) {
    keep_best_groups(moe, choice, group_scores, taken, group_taken);
  }
  float* weights = picks + moe.n_used;
  float sum = 0;
  for (int j = 0; j < moe.n_used; ++j) {
    const int e = take_best(choice, taken, n);
    if (lane == 0) {
      picks[j] = static_cast<float>(e);
      weights[j] = scores[e];
    }
    sum += scores[e];
  }
  __syncwarp();
  if (moe.gating == Gating::softmax_of_chosen) {
    softmax(weights, moe.n_used);
  }
  for (int j = lane; j < moe.n_used; j += kWarp) {
    weights[j] = moe.scale * (moe.norm_chosen ? weights[j] / fmaxf(sum, 1e-20F) : weights[j]);
  }
}

constexpr int kSortThreads = 256;

__device__ inline int expert_of(const SortPicksArgs& p, int pick) {
  return static_cast<int>(p.picks[std::int64_t{pick / p.n_used} * 2 * p.n_used + pick % p.n_used]);
}

/// One block; a thread an expert, which walks all picks: stable, and the same for the same picks.
__global__ __launch_bounds__(kSortThreads) void sort_all(SortPicksArgs p) {
  wait_for_inputs();
  LL_DYNAMIC_SHARED(int, counts);  // [n_experts], then where each expert's rows begin, filled up and not
  int* padded = counts + p.n_experts;
  int* begins = padded + p.n_experts;
  const int n_picks = p.n_tokens * p.n_used;
  for (int i = static_cast<int>(threadIdx.x); i < p.n_padded; i += kSortThreads) {
    p.token_of[i] = -1;
    p.row_of[i] = -1;
  }
  for (int i = static_cast<int>(threadIdx.x); i < p.n_padded / p.pad; i += kSortThreads) {
    p.experts[i] = -1;
  }
  for (int e = static_cast<int>(threadIdx.x); e < p.n_experts; e += kSortThreads) {
    int count = 0;
    for (int i = 0; i < n_picks; ++i) {
      count += expert_of(p, i) == e ? 1 : 0;
    }
    counts[e] = count;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    int at = 0;
    int row = 0;
    for (int e = 0; e < p.n_experts; ++e) {
      padded[e] = at;
      begins[e] = row;
      at += (counts[e] + p.pad - 1) / p.pad * p.pad;
      row += counts[e];
    }
  }
  __syncthreads();
  for (int e = static_cast<int>(threadIdx.x); e < p.n_experts; e += kSortThreads) {
    int n = 0;
    for (int i = 0; i < n_picks && n < counts[e]; ++i) {
      if (expert_of(p, i) == e) {
        p.token_of[padded[e] + n] = i / p.n_used;
        p.row_of[padded[e] + n] = begins[e] + n;
        p.rows[i] = begins[e] + n;
        ++n;
      }
    }
    for (int i = 0; i < counts[e]; i += p.pad) {
      p.experts[(padded[e] + i) / p.pad] = e;
    }
  }
}

constexpr int kAddThreads = 128;

__global__ __launch_bounds__(kAddThreads) void add_up_picks(AddUpArgs p) {
  wait_for_inputs();
  const auto d = static_cast<int>(blockIdx.x * kAddThreads + threadIdx.x);
  const auto token = static_cast<std::int64_t>(blockIdx.y);
  if (d >= p.dim) {
    return;
  }
  const float* weights = p.picks + token * 2 * p.n_used + p.n_used;
  float sum = 0;
  for (int j = 0; j < p.n_used; ++j) {
    const std::int64_t row = p.rows[token * p.n_used + j];
    sum = __fadd_rn(sum, __fmul_rn(weights[j], p.down[row * p.dim + d]));
  }
  float& out = p.out[token * p.dim + d];
  out = __fadd_rn(out, __fmul_rn(p.scale, sum));
}

}  // namespace

Status route(const RouteArgs& args, Stream stream) {
  const auto n = static_cast<std::size_t>(args.moe.n_experts);
  const dim3 grid(static_cast<unsigned int>(args.n_tokens));
  return launch("route", route_tokens, {grid, kWarp, n * (3 * sizeof(float) + 2)}, stream, args);
}

Status sort_picks(const SortPicksArgs& args, Stream stream) {
  const auto bytes = static_cast<std::size_t>(args.n_experts) * 3 * sizeof(int);
  return launch("sort_picks", sort_all, {dim3(1), kSortThreads, bytes}, stream, args);
}

Status add_up(const AddUpArgs& args, Stream stream) {
  const dim3 grid(blocks_for(args.dim, kAddThreads), static_cast<unsigned int>(args.n_tokens));
  return launch("add_up", add_up_picks, {grid, kAddThreads}, stream, args);
}

}  // namespace llorch::cuda
