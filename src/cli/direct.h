// DirectSequence: one sequence on a backend, without the engine: for the verbs that want the backend's own numbers.
// Its KV blocks are 0, 1, 2, ... of every KV group.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/kv_layout.h"
#include "base/result.h"

namespace llorch::cli {

class DirectSequence {
 public:
  /// `backend` is loaded with the blocks of `kv`, and must outlive this. The sequence holds up to `context` tokens, or
  /// as many as the blocks allow; no batch has more than kv.chunk.
  DirectSequence(Backend& backend, const KvLayout& kv, int context);

  int length() const { return length_; }
  /// Forgets all tokens.
  void clear() { length_ = 0; }
  /// Runs `tokens` after those before them, as one batch. `logits` holds the last logits.size() / vocab of their rows;
  /// empty: none is wanted. `observer` (may be null) sees every step. More tokens than the context holds:
  /// ErrorCode::invalid_argument.
  Status append(std::span<const std::int32_t> tokens, int vocab, std::span<float> logits,
                StepObserver* observer = nullptr);

 private:
  Backend* backend_;
  int context_;
  int length_ = 0;
  std::vector<std::vector<std::int32_t>> block_tables_;  // [n_kv_groups]
  std::vector<std::vector<std::int32_t>> kv_slots_;      // [n_kv_groups]
  std::vector<KvGroup> groups_;
  std::vector<std::int32_t> positions_;
  std::vector<std::int32_t> output_rows_;
};

}  // namespace llorch::cli
