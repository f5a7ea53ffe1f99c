#include "gpu/memory_model.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "quant/sample_blocks.h"

namespace llorch::gpucheck {

std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float size) {
  std::mt19937 random(seed);
  std::vector<float> out(n);
  for (float& v : out) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) {
      sum += static_cast<float>(random() >> 8) * 0x1p-24F - 0.5F;
    }
    v = sum * size * (random() % 64 == 0 ? 10.0F : 1.0F);
  }
  return out;
}

MemoryModel::MemoryModel() {
  plan.widths.fill(1);
}

void MemoryModel::embed(int vocab, int width, Slot out) {
  this->width(out, width);
  step(EmbedOp{.table = matrix(DType::f32, vocab, width, 1.0F), .out = out});
}

WeightId MemoryModel::matrix(DType type, int rows, int cols, float size) {
  const Format& format = format_of(type);
  const auto values = random_floats(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols), ++seed_, size);
  weights_.push_back({.type = type, .bytes = sample_blocks(format, values)});
  plan.weights.push_back({.name = "w" + std::to_string(weights_.size()), .rows = rows, .cols = cols});
  return static_cast<WeightId>(weights_.size()) - 1;
}

WeightId MemoryModel::vector(int n, float size) {
  return vector(random_floats(static_cast<std::size_t>(n), ++seed_, size));
}

WeightId MemoryModel::vector(std::vector<float> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  weights_.push_back({.values = std::move(values)});
  plan.weights.push_back({.name = "v" + std::to_string(weights_.size()), .cols = n, .is_vector = true});
  return static_cast<WeightId>(weights_.size()) - 1;
}

void MemoryModel::linear(DType type, int rows, int cols, Slot in, Slot out, bool bias, bool accumulate) {
  width(in, cols);
  width(out, rows);
  step(LinearOp{.weight = matrix(type, rows, cols),
                .bias = bias ? vector(rows) : kNoWeight,
                .in = in,
                .out = out,
                .accumulate = accumulate,
                .scale = accumulate ? 0.37F : 1.0F});
}

void MemoryModel::step(Op op, int layer) {
  plan.steps.push_back({.op = std::move(op), .layer = layer, .role = "check"});
}

void MemoryModel::width(Slot slot, int floats) {
  int& width = plan.widths[static_cast<std::size_t>(slot)];
  width = std::max(width, floats);
}

Result<MatrixView> MemoryModel::matrix(WeightId id) const {
  const auto index = static_cast<std::size_t>(id);
  const WeightDecl& decl = plan.weights[index];
  const Weight& weight = weights_[index];
  return MatrixView{.type = weight.type,
                    .rows = decl.rows,
                    .cols = decl.cols,
                    .row_bytes = bytes_of(format_of(weight.type), decl.cols),
                    .data = weight.bytes.data(),
                    .name = decl.name};
}

Result<std::vector<float>> MemoryModel::vector(WeightId id) const {
  return weights_[static_cast<std::size_t>(id)].values;
}

Sequences::Sequences(int n_groups, std::vector<int> lengths, int vocab, std::uint32_t seed)
    : n_groups_(n_groups), vocab_(vocab) {
  for (const int length : lengths) {
    max_blocks_ = std::max(max_blocks_, (length + kKvBlock - 1) / kKvBlock);
  }
  std::vector<std::int32_t> ids(lengths.size() * static_cast<std::size_t>(max_blocks_));
  std::iota(ids.begin(), ids.end(), 0);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(seed));
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(s) * max_blocks_;
    blocks_.emplace_back(begin, begin + max_blocks_);
  }
}

KvShape Sequences::kv_shape(int max_tokens) const {
  const int n_blocks = static_cast<int>(blocks_.size()) * max_blocks_;
  return {.n_blocks = std::vector<int>(static_cast<std::size_t>(n_groups_), n_blocks),
          .max_batch_tokens = max_tokens,
          .max_batch_seqs = std::max(64, static_cast<int>(blocks_.size())),
          .max_outputs = max_tokens};
}

Batch Sequences::batch(const std::vector<std::pair<int, int>>& runs, bool outputs) {
  tokens_.clear();
  positions_.clear();
  starts_ = {0};
  lens_.clear();
  slots_.clear();
  table_.clear();
  rows_.clear();
  for (std::size_t s = 0; s < runs.size(); ++s) {
    if (runs[s].first == runs[s].second) {
      continue;
    }
    for (int p = runs[s].first; p < runs[s].second; ++p) {
      tokens_.push_back((static_cast<std::int32_t>(s) * 37 + p * 11) % vocab_);
      positions_.push_back(p);
      slots_.push_back(blocks_[s][static_cast<std::size_t>(p / kKvBlock)] * kKvBlock + p % kKvBlock);
    }
    starts_.push_back(static_cast<std::int32_t>(tokens_.size()));
    lens_.push_back(runs[s].second);
    table_.insert(table_.end(), blocks_[s].begin(), blocks_[s].end());
  }
  if (outputs) {
    rows_.resize(tokens_.size());
    std::iota(rows_.begin(), rows_.end(), 0);
  }
  groups_.assign(static_cast<std::size_t>(n_groups_),
                 {.kv_slots = slots_, .block_table = table_, .max_blocks = max_blocks_});
  return {.tokens = tokens_,
          .positions = positions_,
          .seq_starts = starts_,
          .kv_lens = lens_,
          .kv = groups_,
          .output_rows = rows_};
}

}  // namespace llorch::gpucheck
