// DirectBatch, DirectSequence: sequences on a backend, without the engine: for the verbs that want the backend's own
// numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/kv_layout.h"
#include "base/result.h"

namespace llorch::cli {

/// n sequences, with as many KV blocks each, of every KV group.
class DirectBatch {
 public:
  /// `backend` is loaded with the blocks of `kv`, and must outlive this. Each sequence holds up to `context` tokens, or
  /// as many as its share of the blocks allows; no batch has more than kv.chunk of one sequence.
  DirectBatch(Backend& backend, const KvLayout& kv, int context, int n);

  int n() const { return static_cast<int>(lengths_.size()); }
  int length(int sequence) const { return lengths_[static_cast<std::size_t>(sequence)]; }
  /// Forgets all tokens.
  void clear() { lengths_.assign(lengths_.size(), 0); }
  /// Runs `tokens`, the same number for each of the sequences [first, first + count), after those before them, as one
  /// batch. `logits` holds the last rows, logits.size() / vocab / count of each sequence; empty: none is wanted.
  /// `observer` (may be null) sees every step. More tokens than the context holds: ErrorCode::invalid_argument.
  Status append(int first, int count, std::span<const std::int32_t> tokens, int vocab, std::span<float> logits,
                StepObserver* observer = nullptr);

 private:
  void place(int sequence, int n_tokens, int n_outputs);

  Backend* backend_;
  int context_ = 0;
  std::vector<int> lengths_;                             // [n]
  std::vector<int> rings_;                               // [n_kv_groups] blocks of a sequence
  int max_blocks_ = 0;                                   // entries of a row of the block tables
  std::vector<std::vector<std::int32_t>> block_tables_;  // [n_kv_groups][sequences of the batch, max_blocks]
  std::vector<std::vector<std::int32_t>> kv_slots_;      // [n_kv_groups]
  std::vector<std::int32_t> positions_, output_rows_, seq_starts_, kv_lens_;
};

/// One of them.
class DirectSequence {
 public:
  DirectSequence(Backend& backend, const KvLayout& kv, int context) : batch_(backend, kv, context, 1) {}

  int length() const { return batch_.length(0); }
  void clear() { batch_.clear(); }
  Status append(std::span<const std::int32_t> tokens, int vocab, std::span<float> logits,
                StepObserver* observer = nullptr) {
    return batch_.append(0, 1, tokens, vocab, logits, observer);
  }

 private:
  DirectBatch batch_;
};

}  // namespace llorch::cli
