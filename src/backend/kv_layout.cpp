#include "backend/kv_layout.h"

#include <algorithm>
#include <cstdint>
#include <variant>

#include "backend/batch.h"

namespace llorch {

int KvLayout::blocks_for(int group, int n_tokens) const {
  const int all = n_tokens / kKvBlock + (n_tokens % kKvBlock > 0 ? 1 : 0);
  const int window = windows[static_cast<std::size_t>(group)];
  if (window == 0) {
    return all;
  }
  // The first query of a chunk sees window - 1 tokens before it; n tokens in a row lie in at most this many blocks.
  const std::int64_t n = std::int64_t{window} - 1 + chunk;
  return static_cast<int>(std::min<std::int64_t>(all, (n - 2 + kKvBlock) / kKvBlock + 1));
}

int KvLayout::most_tokens(int context) const {
  const auto fits = [this](int n) {
    for (int group = 0; group < n_groups(); ++group) {
      if (blocks_for(group, n) > n_blocks[static_cast<std::size_t>(group)]) {
        return false;
      }
    }
    return true;
  };
  int low = 0;  // fits
  int high = context;
  while (low < high) {
    const int middle = high - (high - low) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::vector<int> kv_windows(const Plan& plan) {
  std::vector<int> windows(static_cast<std::size_t>(plan.n_kv_groups), 0);
  for (const Step& step : plan.steps) {
    if (const auto* op = std::get_if<AttendOp>(&step.op)) {
      windows[static_cast<std::size_t>(op->kv_group)] = op->window;  // the same in all layers of the group
    }
  }
  return windows;
}

}  // namespace llorch
