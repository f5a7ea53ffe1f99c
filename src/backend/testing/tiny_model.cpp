#include "backend/testing/tiny_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "quant/formats.h"
#include "quant/sample_blocks.h"

namespace llorch::testing {
namespace {

ModelSpec tiny_spec() {
  LayerSpec layer{.n_heads = 4, .n_kv_heads = 2, .head_dim = 16, .attn_scale = 0.25F, .ff_dim = 96};
  layer.rope = {.kind = RopeKind::half, .dims = 16, .factors = {1, 1, 1, 2, 2, 4, 8, 8}};
  ModelSpec spec{.architecture = "tiny", .dim = 64, .vocab = 61, .max_context = 256, .norm_eps = 1e-5F};
  spec.final_softcap = 20;
  spec.residual_scale = 0.5F;
  spec.layers = {layer, layer};
  spec.layers[1].rope = {.kind = RopeKind::adjacent, .dims = 8, .magnitude = 1.5F};
  spec.layers[1].window = 40;
  spec.layers[1].kv_group = 1;
  spec.layers[1].attn_softcap = 5;
  spec.layers[1].act = Act::gelu_tanh;
  return spec;
}

/// Every optional weight exists, the output matrix of its own too.
class AllNames : public WeightNames {
 public:
  bool has(std::string_view /*name*/) const override { return true; }
};

}  // namespace

TinyModel::TinyModel(DType type, std::uint32_t seed)
    : plan_(std::move(make_plan(tiny_spec(), AllNames()).value())), type_(type) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, 0.3F);
  for (const WeightDecl& decl : plan_.weights) {
    std::vector<float> values(static_cast<std::size_t>(decl.rows * decl.cols));
    std::generate(values.begin(), values.end(), [&] { return normal(generator); });
    matrices_.emplace_back();
    vectors_.emplace_back();
    if (decl.is_vector) {
      vectors_.back() = values;
    } else {
      matrices_.back() = sample_blocks(format_of(type), values);
    }
  }
}

Result<MatrixView> TinyModel::matrix(WeightId id) const {
  const auto index = static_cast<std::size_t>(id);
  const WeightDecl& decl = plan_.weights[index];
  return MatrixView{.type = type_,
                    .rows = decl.rows,
                    .cols = decl.cols,
                    .row_bytes = bytes_of(format_of(type_), decl.cols),
                    .data = matrices_[index].data(),
                    .name = decl.name};
}

Result<std::vector<float>> TinyModel::vector(WeightId id) const {
  return vectors_[static_cast<std::size_t>(id)];
}

void TinyModel::poison(std::int32_t token) {
  const std::vector<float> row(static_cast<std::size_t>(plan_.spec.dim), std::numeric_limits<float>::quiet_NaN());
  const Format& format = format_of(type_);
  const auto row_bytes = static_cast<std::size_t>(bytes_of(format, plan_.spec.dim));
  const auto table = static_cast<std::size_t>(std::get<EmbedOp>(plan_.steps.front().op).table);
  LL_CHECK(format.encode != nullptr, "only a format that llorch makes can be poisoned");
  format.encode(row.data(), matrices_[table].data() + static_cast<std::size_t>(token) * row_bytes,
                plan_.spec.dim / format.block_len);
}

std::vector<std::int32_t> random_tokens(int n, int vocab, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(n));
  std::generate(tokens.begin(), tokens.end(),
                [&] { return static_cast<std::int32_t>(generator() % static_cast<std::uint32_t>(vocab)); });
  return tokens;
}

void TinyBatch::add(TinySequence& sequence, int n) {
  for (int p = sequence.n_stored; p < sequence.n_stored + n; ++p) {
    output_rows.push_back(static_cast<std::int32_t>(tokens.size()));
    tokens.push_back(sequence.tokens[static_cast<std::size_t>(p)]);
    positions.push_back(p);
    for (std::size_t g = 0; g < kv_slots.size(); ++g) {
      kv_slots[g].push_back(sequence.blocks[g][static_cast<std::size_t>(p / kKvBlock)] * kKvBlock + p % kKvBlock);
    }
  }
  sequence.n_stored += n;
  seq_starts.push_back(static_cast<std::int32_t>(tokens.size()));
  kv_lens.push_back(sequence.n_stored);
  for (std::size_t g = 0; g < tables.size(); ++g) {
    std::vector<std::int32_t> row = sequence.blocks[g];
    row.resize(kMaxBlocks, -1);
    tables[g].insert(tables[g].end(), row.begin(), row.end());
  }
}

Batch TinyBatch::batch() {
  groups.clear();
  for (std::size_t g = 0; g < tables.size(); ++g) {
    groups.push_back({.kv_slots = kv_slots[g], .block_table = tables[g], .max_blocks = kMaxBlocks});
  }
  return {.tokens = tokens,
          .positions = positions,
          .seq_starts = seq_starts,
          .kv_lens = kv_lens,
          .kv = groups,
          .output_rows = output_rows};
}

TinyBlocks::TinyBlocks(int n_groups, int n_blocks, std::uint32_t seed) : free_(static_cast<std::size_t>(n_groups)) {
  std::mt19937 generator(seed);
  for (auto& ids : free_) {
    ids.resize(static_cast<std::size_t>(n_blocks));
    std::generate(ids.begin(), ids.end(), [i = 0]() mutable { return i++; });
    std::shuffle(ids.begin(), ids.end(), generator);
  }
}

TinySequence TinyBlocks::sequence(std::vector<std::int32_t> tokens) {
  TinySequence sequence{.tokens = std::move(tokens), .blocks = {}};
  const auto n = static_cast<std::ptrdiff_t>((sequence.tokens.size() + kKvBlock - 1) / kKvBlock);
  for (auto& ids : free_) {
    sequence.blocks.emplace_back(ids.end() - n, ids.end());
    ids.erase(ids.end() - n, ids.end());
  }
  return sequence;
}

KvShape tiny_kv(const Plan& plan) {
  return {.n_blocks = std::vector<int>(static_cast<std::size_t>(plan.n_kv_groups), 64),
          .max_batch_tokens = 128,
          .max_batch_seqs = 8,
          .max_outputs = 128};
}

std::vector<float> run_logits(Backend& backend, const Batch& batch, int vocab) {
  std::vector<float> logits(static_cast<std::size_t>(batch.n_outputs()) * static_cast<std::size_t>(vocab));
  const Status status = backend.run(batch, {}, {.logits = logits, .sampled = {}});
  EXPECT_TRUE(status.ok()) << status.error().message;
  return logits;
}

}  // namespace llorch::testing
