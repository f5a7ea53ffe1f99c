// BatchBuilder: the flat arrays of a Batch, filled sequence by sequence. Reused from step to step.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/batch.h"
#include "engine/sequence.h"

namespace llorch {

class BatchBuilder {
 public:
  void clear();
  /// Adds the next `n` tokens of a sequence; the last one gets an output row when it is the sequence's last.
  void add(const Sequence& sequence, int n);
  int n_tokens() const { return static_cast<int>(tokens_.size()); }
  /// Valid until the next add() or clear().
  Batch batch();

 private:
  std::vector<std::int32_t> tokens_, positions_, seq_starts_ = {0}, kv_lens_, output_rows_;
  std::vector<const Sequence*> sequences_;
  std::vector<std::vector<std::int32_t>> kv_slots_, block_tables_;  // [n_kv_groups]
  std::vector<KvGroup> groups_;
};

}  // namespace llorch
