// Batch: everything that changes from one run of a plan to the next. Flat spans, not owned; the engine builds it.
//
// Words: a *sequence* owns tokens 0..n-1. The KV cache of a KV group is an array of *blocks* of kKvBlock *slots*; a
// sequence's token p lives in block block_table[p / kKvBlock], at slot p % kKvBlock of it.
#pragma once

#include <cstdint>
#include <span>

namespace llorch {

/// Tokens per KV block; also the size of the pieces in which attention walks the KV, so that results never depend on
/// how a prompt was cut.
inline constexpr int kKvBlock = 32;

/// Positions whose pieces attention merges among themselves before they join the others: what threads share out where
/// one sequence has little else to share.
inline constexpr int kKvSpan = 256;

/// Layers with the same window share one paged table.
struct KvGroup {
  std::span<const std::int32_t> kv_slots;  // [n_tokens] block * kKvBlock + slot, where each token's k and v are written
  std::span<const std::int32_t>
      block_table;  // [n_seqs, max_blocks] block ids; entries past a sequence's end are unused
  int max_blocks = 0;
};

struct Batch {
  std::span<const std::int32_t> tokens;       // [n_tokens] of all sequences, one after the other
  std::span<const std::int32_t> positions;    // [n_tokens]
  std::span<const std::int32_t> seq_starts;   // [n_seqs + 1] sequence s has tokens [seq_starts[s], seq_starts[s + 1])
  std::span<const std::int32_t> kv_lens;      // [n_seqs] keys in the cache once this batch's are stored
  std::span<const KvGroup> kv;                // [n_kv_groups]
  std::span<const std::int32_t> output_rows;  // [n_outputs] tokens of this batch that need logits

  int n_tokens() const { return static_cast<int>(tokens.size()); }
  int n_seqs() const { return static_cast<int>(kv_lens.size()); }
  int n_outputs() const { return static_cast<int>(output_rows.size()); }
};

/// In Outputs::sampled: the row's logits are not numbers, so that its request alone can fail.
inline constexpr std::int32_t kNotSampled = -1;

/// Where results go; an empty span is not wanted.
struct Outputs {
  std::span<float> logits;          // [n_outputs, vocab]
  std::span<std::int32_t> sampled;  // [n_outputs] a token drawn by each SampleSpec, or kNotSampled
};

}  // namespace llorch
