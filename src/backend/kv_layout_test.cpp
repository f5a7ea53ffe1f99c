#include "backend/kv_layout.h"

#include <gtest/gtest.h>

#include <set>

#include "backend/batch.h"
#include "backend/kv_bytes.h"

namespace llorch {
namespace {

TEST(KvLayout, WindowsTakeTheBlocksThatAChunkSees) {
  for (const int window : {1, 2, 8, 31, 32, 33, 128, 1024}) {
    for (const int chunk : {1, 2, 31, 32, 33, 256}) {
      const KvLayout kv{.windows = {0, window}, .n_blocks = {0, 0}, .chunk = chunk};
      std::size_t most = 0;  // distinct blocks that any chunk's queries see
      for (int first = 3000; first < 3000 + kKvBlock; ++first) {
        std::set<int> blocks;
        for (int p = first - window + 1; p < first + chunk; ++p) {
          blocks.insert(p / kKvBlock);
        }
        most = std::max(most, blocks.size());
      }
      EXPECT_EQ(kv.blocks_for(1, 8192), static_cast<int>(most)) << window << " " << chunk;
      EXPECT_EQ(kv.blocks_for(1, 20), 1);
      EXPECT_EQ(kv.blocks_for(0, 8192), 256);
      EXPECT_EQ(kv.blocks_for(0, 8193), 257);
    }
  }
}

TEST(KvLayout, MostTokens) {
  const KvLayout all{.windows = {0}, .n_blocks = {3}};
  EXPECT_EQ(all.most_tokens(1000), 96);
  EXPECT_EQ(all.most_tokens(50), 50);
  const KvLayout windowed{.windows = {0, 8}, .n_blocks = {100, 2}, .chunk = 16};
  EXPECT_EQ(windowed.most_tokens(100000), 3200);
  const KvLayout small{.windows = {0, 64}, .n_blocks = {100, 2}, .chunk = 16};
  EXPECT_EQ(small.most_tokens(100000), 64);
}

class NoNames : public WeightNames {
 public:
  bool has(std::string_view /*name*/) const override { return false; }
};

struct Shape {
  int n_layers, period, window, n_kv_heads, head_dim;  // layer l sees all when l % period == period - 1
};

/// Bytes of the KV cache that one sequence of n_tokens holds.
std::int64_t held_bytes(const Shape& shape, int n_tokens) {
  LayerSpec layer{.n_heads = shape.n_kv_heads, .n_kv_heads = shape.n_kv_heads, .head_dim = shape.head_dim};
  layer.ff_dim = 1;
  ModelSpec spec{.dim = 1, .vocab = 1, .max_context = n_tokens};
  for (int i = 0; i < shape.n_layers; ++i) {
    layer.window = i % shape.period == shape.period - 1 ? 0 : shape.window;
    spec.layers.push_back(layer);
  }
  assign_kv_groups(spec);
  const Plan plan = make_plan(spec, NoNames()).value();
  const KvLayout kv{.windows = kv_windows(plan), .n_blocks = {}, .chunk = 256};
  std::int64_t bytes = 0;
  for (int group = 0; group < kv.n_groups(); ++group) {
    bytes += kv.blocks_for(group, n_tokens) * kv_block_bytes(plan, group, KvType::f32);
  }
  return bytes;
}

// At 8,192 tokens: 256 blocks in each layer that sees all, and what window and chunk overlap in each of the others.
TEST(KvLayout, ModelsWithWindows) {
  const std::int64_t gemma3_block = std::int64_t{2} * kKvBlock * 4 * 256 * 4;  // k and v, of one layer
  EXPECT_EQ(held_bytes({34, 6, 1024, 4, 256}, 8192), (5 * 256 + 29 * 41) * gemma3_block);
  const std::int64_t gpt_oss_block = std::int64_t{2} * kKvBlock * 8 * 64 * 4;
  EXPECT_EQ(held_bytes({24, 2, 128, 8, 64}, 8192), (12 * 256 + 12 * 13) * gpt_oss_block);
}

}  // namespace
}  // namespace llorch
