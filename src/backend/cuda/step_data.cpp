#include "backend/cuda/step_data.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <variant>

namespace llorch::cuda {
namespace {

constexpr std::size_t kTileInts = sizeof(AttendTile) / sizeof(std::int32_t);

int tiles_of(int n_tokens, int group) {
  return (n_tokens * group + kAttendRows - 1) / kAttendRows;
}

int splits_of(int kv_len) {
  return (kv_len + kAttendSplit - 1) / kAttendSplit;
}

/// The smallest of 1, 2, 4, ..., and 3 times them from 24 on, that is at least n.
int bucket(int n) {
  int size = 1;
  while (size < n) {
    if (size >= 16 && size / 2 * 3 >= n) {
      return size / 2 * 3;
    }
    size *= 2;
  }
  return size;
}

int power_of_two(int n) {
  int size = 1;
  while (size < n) {
    size *= 2;
  }
  return size;
}

}  // namespace

std::vector<int> head_groups(const Plan& plan, KvType kv_type) {
  std::set<int> groups;
  for (const Step& step : plan.steps) {
    if (const auto* op = std::get_if<AttendOp>(&step.op);
        op != nullptr && attend_has_tiles(op->head_dim, kv_type, op->v_is_k)) {
      groups.insert(op->n_heads / op->n_kv_heads);
    }
  }
  return {groups.begin(), groups.end()};
}

StepLayout::StepLayout(const BatchShape& shape, int n_head_groups) {
  const auto take = [this](std::size_t count) {
    const std::size_t at = n;
    n += (count + 3) / 4 * 4;
    return at;
  };
  const auto n_tokens = static_cast<std::size_t>(shape.n_tokens);
  const auto n_seqs = static_cast<std::size_t>(shape.n_seqs);
  tokens = take(n_tokens);
  positions = take(n_tokens);
  sequences = take(n_tokens);
  output_rows = take(static_cast<std::size_t>(shape.n_outputs));
  kv_lens = take(n_seqs);
  for (const int max_blocks : shape.max_blocks) {
    kv_slots.push_back(take(n_tokens));
    block_tables.push_back(take(n_seqs * static_cast<std::size_t>(max_blocks)));
  }
  for (int i = 0; i < n_head_groups; ++i) {
    tiles.push_back(take(static_cast<std::size_t>(shape.n_tiles) * kTileInts));
  }
}

BatchShape exact_shape(const Batch& batch, std::span<const int> groups) {
  BatchShape shape{.n_tokens = batch.n_tokens(), .n_seqs = batch.n_seqs(), .n_outputs = batch.n_outputs()};
  for (const KvGroup& group : batch.kv) {
    shape.max_blocks.push_back(group.max_blocks);
  }
  for (const int group : groups) {
    int n_tiles = 0;
    for (int s = 0; s < batch.n_seqs(); ++s) {
      const auto index = static_cast<std::size_t>(s);
      n_tiles += tiles_of(batch.seq_starts[index + 1] - batch.seq_starts[index], group);
    }
    shape.n_tiles = std::max(shape.n_tiles, n_tiles);
  }
  shape.n_splits = splits_of(*std::max_element(batch.kv_lens.begin(), batch.kv_lens.end()));
  return shape;
}

bool bucket_shape(const Batch& batch, std::span<const int> groups, int most_tokens, BatchShape& shape) {
  const int n = batch.n_seqs();
  if (batch.n_tokens() != n || batch.n_outputs() != n || bucket(n) > most_tokens) {
    return false;
  }
  for (int i = 0; i < n; ++i) {
    if (batch.output_rows[static_cast<std::size_t>(i)] != i) {
      return false;
    }
  }
  const int size = bucket(n);
  shape = exact_shape(batch, groups);
  shape.n_tokens = shape.n_seqs = shape.n_outputs = size;
  for (int& max_blocks : shape.max_blocks) {
    max_blocks = power_of_two(std::max(max_blocks, 1));
  }
  shape.n_tiles = groups.empty() ? 0 : size * tiles_of(1, groups.back());
  shape.n_splits = power_of_two(shape.n_splits);
  return true;
}

void fill_step(const Batch& batch, const BatchShape& shape, const StepLayout& layout, std::span<const int> groups,
               std::span<std::int32_t> to) {
  std::fill(to.begin(), to.end(), 0);
  const auto at = [&to](std::size_t offset) { return to.begin() + static_cast<std::ptrdiff_t>(offset); };
  std::copy(batch.tokens.begin(), batch.tokens.end(), at(layout.tokens));
  std::copy(batch.positions.begin(), batch.positions.end(), at(layout.positions));
  std::copy(batch.output_rows.begin(), batch.output_rows.end(), at(layout.output_rows));
  std::copy(batch.kv_lens.begin(), batch.kv_lens.end(), at(layout.kv_lens));
  for (int i = batch.n_outputs(); i < shape.n_outputs; ++i) {
    at(layout.output_rows)[i] = i;
  }
  for (int s = 0; s < shape.n_seqs; ++s) {
    const bool real = s < batch.n_seqs();
    const auto index = static_cast<std::size_t>(s);
    const int begin = real ? batch.seq_starts[index] : batch.n_tokens() + s - batch.n_seqs();
    const int end = real ? batch.seq_starts[index + 1] : begin + 1;
    std::fill(at(layout.sequences) + begin, at(layout.sequences) + end, s);
    if (!real) {
      at(layout.kv_lens)[s] = 1;
    }
  }
  for (std::size_t g = 0; g < batch.kv.size(); ++g) {
    const KvGroup& group = batch.kv[g];
    std::copy(group.kv_slots.begin(), group.kv_slots.end(), at(layout.kv_slots[g]));
    std::fill(at(layout.kv_slots[g]) + batch.n_tokens(), at(layout.kv_slots[g]) + shape.n_tokens, -1);
    for (int s = 0; s < batch.n_seqs(); ++s) {
      const auto* row = group.block_table.data() + static_cast<std::ptrdiff_t>(s) * group.max_blocks;
      std::copy(row, row + group.max_blocks, at(layout.block_tables[g]) + s * shape.max_blocks[g]);
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::vector<AttendTile> tiles;
    for (int s = 0; s < shape.n_seqs; ++s) {
      const bool real = s < batch.n_seqs();
      const auto index = static_cast<std::size_t>(s);
      const int begin = real ? batch.seq_starts[index] : batch.n_tokens() + s - batch.n_seqs();
      const int n = real ? batch.seq_starts[index + 1] - begin : 1;
      for (int t = 0; t < tiles_of(n, groups[i]); ++t) {
        tiles.push_back({.sequence = s, .first_token = begin, .n_tokens = n, .first_row = t * kAttendRows});
      }
    }
    // Lists of other numbers of heads may be longer: what is left has no rows.
    tiles.resize(static_cast<std::size_t>(shape.n_tiles), {});
    std::memcpy(&*at(layout.tiles[i]), tiles.data(), tiles.size() * sizeof(AttendTile));
  }
}

}  // namespace llorch::cuda
