#include "engine/batch_builder.h"

#include <algorithm>

namespace llorch {

void BatchBuilder::clear() {
  for (auto* list : {&tokens_, &positions_, &kv_lens_, &output_rows_}) {
    list->clear();
  }
  seq_starts_.assign(1, 0);
  sequences_.clear();
}

void BatchBuilder::add(const Sequence& sequence, int n) {
  for (int p = sequence.n_stored; p < sequence.n_stored + n; ++p) {
    tokens_.push_back(sequence.tokens()[static_cast<std::size_t>(p)]);
    positions_.push_back(p);
  }
  seq_starts_.push_back(n_tokens());
  kv_lens_.push_back(sequence.n_stored + n);
  sequences_.push_back(&sequence);
  if (sequence.n_stored + n == sequence.n_tokens()) {
    output_rows_.push_back(n_tokens() - 1);
  }
}

Batch BatchBuilder::batch() {
  const std::size_t n_groups = sequences_.empty() ? 0 : sequences_.front()->blocks.size();
  const int longest = kv_lens_.empty() ? 0 : *std::max_element(kv_lens_.begin(), kv_lens_.end());
  const int max_blocks = (longest + kKvBlock - 1) / kKvBlock;
  kv_slots_.resize(n_groups);
  block_tables_.resize(n_groups);
  groups_.clear();
  for (std::size_t g = 0; g < n_groups; ++g) {
    block_tables_[g].clear();
    kv_slots_[g].clear();
    for (std::size_t s = 0; s < sequences_.size(); ++s) {
      const std::vector<std::int32_t>& ring = sequences_[s]->blocks[g];
      for (std::size_t i = 0; i < static_cast<std::size_t>(max_blocks); ++i) {
        block_tables_[g].push_back(ring[i % ring.size()]);
      }
      for (int t = seq_starts_[s]; t < seq_starts_[s + 1]; ++t) {
        const int p = positions_[static_cast<std::size_t>(t)];
        const std::int32_t block = ring[static_cast<std::size_t>(p / kKvBlock) % ring.size()];
        kv_slots_[g].push_back(block * kKvBlock + p % kKvBlock);
      }
    }
    groups_.push_back({.kv_slots = kv_slots_[g], .block_table = block_tables_[g], .max_blocks = max_blocks});
  }
  return {.tokens = tokens_,
          .positions = positions_,
          .seq_starts = seq_starts_,
          .kv_lens = kv_lens_,
          .kv = groups_,
          .output_rows = output_rows_};
}

}  // namespace llorch
