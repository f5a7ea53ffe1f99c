// Sequences on a backend; direct.h says what they promise.
#include "cli/direct.h"

#include <algorithm>

#include "base/format.h"

namespace llorch::cli {
namespace {

/// What one of n sequences has of the blocks.
KvLayout share_of(const KvLayout& kv, int n) {
  KvLayout share = kv;
  for (int& blocks : share.n_blocks) {
    blocks /= n;
  }
  return share;
}

}  // namespace

DirectBatch::DirectBatch(Backend& backend, const KvLayout& kv, int context, int n)
    : backend_(&backend),
      context_(share_of(kv, n).most_tokens(context)),
      lengths_(static_cast<std::size_t>(n)),
      max_blocks_((context_ + kKvBlock - 1) / kKvBlock),
      block_tables_(kv.windows.size()),
      kv_slots_(kv.windows.size()) {
  for (int group = 0; group < kv.n_groups(); ++group) {
    rings_.push_back(std::max(1, kv.blocks_for(group, context_)));
  }
}

/// The next n_tokens of a sequence, as entries of the batch.
void DirectBatch::place(int sequence, int n_tokens, int n_outputs) {
  const int length = lengths_[static_cast<std::size_t>(sequence)];
  const auto begin = static_cast<std::int32_t>(positions_.size());
  for (int p = length; p < length + n_tokens; ++p) {
    positions_.push_back(p);
  }
  for (int i = n_tokens - n_outputs; i < n_tokens; ++i) {
    output_rows_.push_back(begin + i);
  }
  seq_starts_.push_back(begin + n_tokens);
  kv_lens_.push_back(length + n_tokens);
  for (std::size_t group = 0; group < rings_.size(); ++group) {
    const auto block_of = [&](int index) { return sequence * rings_[group] + index % rings_[group]; };
    for (int i = 0; i < max_blocks_; ++i) {
      block_tables_[group].push_back(block_of(i));
    }
    for (int p = length; p < length + n_tokens; ++p) {
      kv_slots_[group].push_back(block_of(p / kKvBlock) * kKvBlock + p % kKvBlock);
    }
  }
}

Status DirectBatch::append(int first, int count, std::span<const std::int32_t> tokens, int vocab,
                           std::span<float> logits, StepObserver* observer) {
  const int n_tokens = static_cast<int>(tokens.size()) / count;
  const int n_outputs = static_cast<int>(logits.size() / static_cast<std::size_t>(vocab)) / count;
  for (std::vector<std::int32_t>* all : {&positions_, &output_rows_, &seq_starts_, &kv_lens_}) {
    all->clear();
  }
  seq_starts_.push_back(0);
  std::vector<KvGroup> groups;
  for (std::size_t group = 0; group < rings_.size(); ++group) {
    block_tables_[group].clear();
    kv_slots_[group].clear();
  }
  for (int s = first; s < first + count; ++s) {
    if (n_tokens > context_ - length(s)) {
      return errorf(ErrorCode::invalid_argument, "{} tokens do not fit into the context of {}", length(s) + n_tokens,
                    context_);
    }
    place(s, n_tokens, n_outputs);
  }
  for (std::size_t group = 0; group < rings_.size(); ++group) {
    groups.push_back({kv_slots_[group], block_tables_[group], max_blocks_});
  }
  Batch batch;
  batch.tokens = tokens;
  batch.positions = positions_;
  batch.seq_starts = seq_starts_;
  batch.kv_lens = kv_lens_;
  batch.kv = groups;
  batch.output_rows = output_rows_;
  Outputs outputs;
  outputs.logits = logits;
  LL_TRY(backend_->run(batch, {}, outputs, observer));
  for (int s = first; s < first + count; ++s) {
    lengths_[static_cast<std::size_t>(s)] += n_tokens;
  }
  return {};
}

}  // namespace llorch::cli
