// DirectSequence: one sequence on a backend, without the engine: for `logits` and `bench`, which want the backend's own
// numbers. Its KV blocks are 0, 1, 2, ... of every KV group.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "base/result.h"

namespace llorch::cli {

class DirectSequence {
 public:
  /// `backend` is loaded with at least ceil(context / kKvBlock) blocks in each group, and must outlive this.
  DirectSequence(Backend& backend, int n_kv_groups, int context);

  int length() const { return length_; }
  /// Forgets all tokens.
  void clear() { length_ = 0; }
  /// Runs `tokens` after those before them, as one batch. `logits` holds the last logits.size() / vocab of their rows;
  /// empty: none is wanted. More tokens than the context holds: ErrorCode::invalid_argument.
  Status append(std::span<const std::int32_t> tokens, int vocab, std::span<float> logits);

 private:
  Backend* backend_;
  int context_;
  int length_ = 0;
  std::vector<std::int32_t> block_table_;
  std::vector<KvGroup> groups_;
  std::vector<std::int32_t> positions_;
  std::vector<std::int32_t> output_rows_;
};

}  // namespace llorch::cli
