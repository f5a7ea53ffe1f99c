// One sequence on a backend; direct.h says what it promises.
#include "cli/direct.h"

#include <array>
#include <numeric>

#include "base/format.h"

namespace llorch::cli {

DirectSequence::DirectSequence(Backend& backend, int n_kv_groups, int context)
    : backend_(&backend),
      context_(context),
      block_table_(static_cast<std::size_t>((context + kKvBlock - 1) / kKvBlock)),
      groups_(static_cast<std::size_t>(n_kv_groups)) {
  std::iota(block_table_.begin(), block_table_.end(), 0);
}

Status DirectSequence::append(std::span<const std::int32_t> tokens, int vocab, std::span<float> logits) {
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
  // Block b holds positions [b * kKvBlock, (b + 1) * kKvBlock), so a token's slot is its position.
  for (KvGroup& group : groups_) {
    group = {positions_, block_table_, static_cast<int>(block_table_.size())};
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
  LL_TRY(backend_->run(batch, {}, outputs));
  length_ += n_tokens;
  return {};
}

}  // namespace llorch::cli
