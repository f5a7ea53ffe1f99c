// KvPool: who owns which KV block of a group. Block ids are the backend's; a sequence takes all it may need when it is
// admitted, so that nothing running is ever short of memory.
#pragma once

#include <cstdint>
#include <vector>

#include "base/check.h"

namespace llorch {

class KvPool {
 public:
  explicit KvPool(int n_blocks) : total_(n_blocks) {
    for (int id = n_blocks - 1; id >= 0; --id) {
      free_.push_back(id);  // low ids first
    }
  }

  int total() const { return total_; }
  int used() const { return total_ - static_cast<int>(free_.size()); }
  bool can_take(int n) const { return n <= static_cast<int>(free_.size()); }

  std::vector<std::int32_t> take(int n) {
    LL_CHECK(can_take(n), "more KV blocks taken than are free");
    std::vector<std::int32_t> blocks;
    for (int i = 0; i < n; ++i) {
      blocks.push_back(free_.back());
      free_.pop_back();
    }
    return blocks;
  }
  void give_back(std::vector<std::int32_t>& blocks) {
    free_.insert(free_.end(), blocks.rbegin(), blocks.rend());
    blocks.clear();
    LL_CHECK(static_cast<int>(free_.size()) <= total_, "a KV block was given back twice");
  }

 private:
  int total_;
  std::vector<std::int32_t> free_;
};

}  // namespace llorch
