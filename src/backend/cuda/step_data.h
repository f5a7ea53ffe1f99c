// StepData: everything of a batch that kernels read, as 32-bit integers in one piece, so that a step needs one copy to
// the device. Where each part lies follows from the shape alone: a captured graph finds its parts again.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/batch.h"
#include "backend/cuda/kernels.h"

namespace llorch::cuda {

/// The numbers that decide which kernels a batch launches, and how large.
struct BatchShape {
  int n_tokens = 0;
  int n_seqs = 0;
  int n_outputs = 0;
  std::vector<int> max_blocks;  // [n_kv_groups]
  int n_tiles = 0;              // of attention, of each group of heads
  int n_splits = 1;             // pieces of kAttendSplit keys of the longest sequence
  auto operator<=>(const BatchShape&) const = default;
};

/// Heads that share a KV head, of all layers of the plan that attend in tiles.
std::vector<int> head_groups(const Plan& plan, KvType kv_type);

/// Offsets in 32-bit integers.
struct StepLayout {
  explicit StepLayout(const BatchShape& shape, int n_head_groups);
  std::size_t tokens = 0;
  std::size_t positions = 0;
  std::size_t sequences = 0;
  std::size_t output_rows = 0;
  std::size_t kv_lens = 0;
  std::vector<std::size_t> kv_slots;      // [n_kv_groups]
  std::vector<std::size_t> block_tables;  // [n_kv_groups]
  std::vector<std::size_t> tiles;         // [n_head_groups]
  std::size_t n = 0;
};

/// The shape of a batch as it is.
BatchShape exact_shape(const Batch& batch, std::span<const int> head_groups);

/// The shape of a graph that takes this batch, one token a sequence and each of them an output: numbers are rounded up
/// so that few graphs serve all batches. False: no graph does.
bool bucket_shape(const Batch& batch, std::span<const int> head_groups, int most_tokens, BatchShape& shape);

/// Writes the batch into `to` [layout.n]. Tokens that the shape has and the batch does not have are token 0 at position
/// 0 of a sequence of one key in block 0, and are stored nowhere.
void fill_step(const Batch& batch, const BatchShape& shape, const StepLayout& layout, std::span<const int> head_groups,
               std::span<std::int32_t> to);

}  // namespace llorch::cuda
