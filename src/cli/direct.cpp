// One sequence on a backend; direct.h says what it promises.
#include "cli/direct.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/format.h"

namespace llorch::cli {

DirectSequence::DirectSequence(Backend& backend, const KvLayout& kv, int context)
    : backend_(&backend), context_(kv.most_tokens(context)), kv_slots_(kv.windows.size()), groups_(kv.windows.size()) {
  for (int group = 0; group < kv.n_groups(); ++group) {
    const int ring = std::max(1, kv.blocks_for(group, context_));
    std::vector<std::int32_t>& table = block_tables_.emplace_back();
    for (int block = 0; block * kKvBlock < context_; ++block) {
      table.push_back(block % ring);
    }
  }
}

Status DirectSequence::append(std::span<const std::int32_t> tokens, int vocab, std::span<float> logits,
                              StepObserver* observer) {
  const int n_tokens = static_cast<int>(tokens.size());
  if (n_tokens > context_ - length_) {
    return errorf(ErrorCode::invalid_argument, "{} tokens do not fit into the context of {}", length_ + n_tokens,
                  context_);
  }
  const int n_outputs = static_cast<int>(logits.size() / static_cast<std::size_t>(vocab));
  positions_.resize(tokens.size());
  std::iota(positions_.begin(), positions_.end(), length_);
  output_rows_.resize(static_cast<std::size_t>(n_outputs));
  std::iota(output_rows_.begin(), output_rows_.end(), n_tokens - n_outputs);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::vector<std::int32_t>& table = block_tables_[g];
    kv_slots_[g].clear();
    for (const std::int32_t p : positions_) {
      kv_slots_[g].push_back(table[static_cast<std::size_t>(p / kKvBlock)] * kKvBlock + p % kKvBlock);
    }
    groups_[g] = {kv_slots_[g], table, static_cast<int>(table.size())};
  }
  const std::array<std::int32_t, 2> seq_starts = {0, n_tokens};
  const std::array<std::int32_t, 1> kv_lens = {length_ + n_tokens};

  Batch batch;
  batch.tokens = tokens;
  batch.positions = positions_;
  batch.seq_starts = seq_starts;
  batch.kv_lens = kv_lens;
  batch.kv = groups_;
  batch.output_rows = output_rows_;
  Outputs outputs;
  outputs.logits = logits;
  LL_TRY(backend_->run(batch, {}, outputs, observer));
  length_ += n_tokens;
  return {};
}

}  // namespace llorch::cli
