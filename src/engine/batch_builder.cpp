#include "engine/batch_builder.h"

#include <algorithm>

namespace llorch {

void BatchBuilder::clear() {
  for (auto* list : {&tokens_, &positions_, &kv_lens_, &output_rows_, &kv_slots_, &block_table_}) {
    list->clear();
  }
  seq_starts_.assign(1, 0);
  seq_blocks_.clear();
}

void BatchBuilder::add(const Sequence& sequence, int n) {
  for (int p = sequence.n_stored; p < sequence.n_stored + n; ++p) {
    tokens_.push_back(sequence.tokens()[static_cast<std::size_t>(p)]);
    positions_.push_back(p);
    kv_slots_.push_back(sequence.blocks[static_cast<std::size_t>(p / kKvBlock)] * kKvBlock + p % kKvBlock);
  }
  seq_starts_.push_back(n_tokens());
  kv_lens_.push_back(sequence.n_stored + n);
  seq_blocks_.push_back(&sequence.blocks);
  if (sequence.n_stored + n == sequence.n_tokens()) {
    output_rows_.push_back(n_tokens() - 1);
  }
}

Batch BatchBuilder::batch() {
  std::size_t max_blocks = 0;
  for (const auto* blocks : seq_blocks_) {
    max_blocks = std::max(max_blocks, blocks->size());
  }
  block_table_.assign(max_blocks * seq_blocks_.size(), 0);
  for (std::size_t s = 0; s < seq_blocks_.size(); ++s) {
    std::copy(seq_blocks_[s]->begin(), seq_blocks_[s]->end(),
              block_table_.begin() + static_cast<std::ptrdiff_t>(s * max_blocks));
  }
  // Every group keeps all positions today, so one table serves them all.
  groups_.assign(static_cast<std::size_t>(n_kv_groups_),
                 {.kv_slots = kv_slots_, .block_table = block_table_, .max_blocks = static_cast<int>(max_blocks)});
  return {.tokens = tokens_,
          .positions = positions_,
          .seq_starts = seq_starts_,
          .kv_lens = kv_lens_,
          .kv = groups_,
          .output_rows = output_rows_};
}

}  // namespace llorch
