// KvBudget: bytes for the KV cache -> blocks of each KV group.
//
// A group with a window needs its whole ring for a sequence to be long, and no more: so the rings come first, for as
// many sequences as half of the budget pays, and groups that see all get the rest.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "backend/kv_layout.h"

namespace llorch {

class KvBudget {
 public:
  /// `windows` and `block_bytes`: [n_kv_groups]. `context`: the longest sequence. `chunk`: KvLayout::chunk.
  KvBudget(std::vector<int> windows, std::vector<std::int64_t> block_bytes, int context, int chunk)
      : context_(context), kv_{std::move(windows), {}, chunk}, block_bytes_(std::move(block_bytes)) {}

  /// Bytes of one sequence of n tokens: all of its blocks, or those of its rings alone.
  std::int64_t sequence_bytes(int n, bool rings_only = false) const;

  /// Blocks within `bytes` for up to n_sequences full contexts; with `all_of_it` groups that see all get what is left
  /// even if so many sequences cannot use it. n_blocks is empty when not one block of each group fits.
  KvLayout spend(std::int64_t bytes, int n_sequences, bool all_of_it) const;

 private:
  bool is_ring(int group) const { return kv_.windows[static_cast<std::size_t>(group)] > 0; }
  std::int64_t block_bytes(int group) const { return block_bytes_[static_cast<std::size_t>(group)]; }
  KvLayout spend_on_one(std::int64_t bytes) const;

  int context_;
  KvLayout kv_;  // without blocks
  std::vector<std::int64_t> block_bytes_;
};

}  // namespace llorch
