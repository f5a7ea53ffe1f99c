// KvLayout: how many KV blocks the groups of a model have, and how many a sequence takes of them.
//
// A group whose layers see a window keeps a ring of blocks for each sequence: the block of position p is number
// p / kKvBlock of the sequence, and lies where block p / kKvBlock - ring size lay, which nobody sees any more.
#pragma once

#include <vector>

#include "model/plan.h"

namespace llorch {

struct KvLayout {
  std::vector<int> windows = {0};   // [n_kv_groups] tokens that a query sees; 0: all
  std::vector<int> n_blocks = {0};  // [n_kv_groups]
  int chunk = 256;                  // most tokens of one sequence in one batch

  int n_groups() const { return static_cast<int>(windows.size()); }
  /// Blocks that a sequence of n_tokens takes in a group: all of its own, or those that the queries of a chunk see.
  int blocks_for(int group, int n_tokens) const;
  /// The longest sequence, up to `context`, that fits when it is alone.
  int most_tokens(int context) const;
};

/// The windows of a plan's KV groups.
std::vector<int> kv_windows(const Plan& plan);

}  // namespace llorch
