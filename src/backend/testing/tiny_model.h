// For tests: a model of two layers with random weights, and sequences that are run on it batch by batch.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace llorch::testing {

/// A plan and weights that live in memory: the bridge that a checkpoint is elsewhere.
class TinyModel : public WeightSource {
 public:
  /// Matrices in `type`; dims are multiples of 32. Layer 1 has a window of 40 in a KV group of its own, and a soft cap.
  explicit TinyModel(DType type = DType::f32, std::uint32_t seed = 1);

  const Plan& plan() const { return plan_; }
  int vocab() const { return plan_.spec.vocab; }
  Result<MatrixView> matrix(WeightId id) const override;
  Result<std::vector<float>> vector(WeightId id) const override;
  /// Makes every weight of the embedding's row NaN.
  void poison(std::int32_t token);

 private:
  Plan plan_;
  DType type_;
  std::vector<std::vector<std::byte>> matrices_;  // by WeightId
  std::vector<std::vector<float>> vectors_;
};

/// n tokens of [0, vocab), by a generator of their own.
std::vector<std::int32_t> random_tokens(int n, int vocab, std::uint32_t seed);

/// One sequence's tokens, its blocks in each KV group, and how many tokens were run.
struct TinySequence {
  std::vector<std::int32_t> tokens;
  std::vector<std::vector<std::int32_t>> blocks;  // [n_kv_groups][...]
  int n_stored = 0;
};

/// A batch with the storage behind it. Every token is an output row.
class TinyBatch {
 public:
  explicit TinyBatch(int n_kv_groups) : kv_slots(static_cast<std::size_t>(n_kv_groups)), tables(kv_slots.size()) {}
  /// The next n tokens of `sequence`; n_stored moves on.
  void add(TinySequence& sequence, int n);
  Batch batch();

  std::vector<std::int32_t> tokens, positions, seq_starts = {0}, kv_lens, output_rows;
  std::vector<std::vector<std::int32_t>> kv_slots, tables;  // [n_kv_groups]
  std::vector<KvGroup> groups;

 private:
  static constexpr int kMaxBlocks = 16;
};

/// n_blocks ids, shuffled, for sequences to take from.
class TinyBlocks {
 public:
  TinyBlocks(int n_groups, int n_blocks, std::uint32_t seed);
  TinySequence sequence(std::vector<std::int32_t> tokens);

 private:
  std::vector<std::vector<std::int32_t>> free_;
};

/// The shape that the tests use: 64 blocks a group, batches of 128.
KvShape tiny_kv(const Plan& plan);

/// Runs `batch` and returns the logits of all its output rows, [n, vocab]. Fails the test on an error.
std::vector<float> run_logits(Backend& backend, const Batch& batch, int vocab);

}  // namespace llorch::testing
