#include "backend/kv_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "backend/batch.h"

namespace llorch {
namespace {

TEST(KvBytes, EachGroupCountsItsOwnLayers) {
  Plan plan;
  plan.n_kv_groups = 2;
  plan.steps = {{.op = EmbedOp{}},
                {.op = RopeStoreOp{.n_heads = 8, .n_kv_heads = 2, .head_dim = 16, .kv_group = 0}, .layer = 0},
                {.op = RopeStoreOp{.n_heads = 8, .n_kv_heads = 4, .head_dim = 8, .kv_group = 1}, .layer = 1},
                {.op = RopeStoreOp{.n_heads = 8, .n_kv_heads = 1, .head_dim = 16, .kv_group = 0}, .layer = 2}};
  EXPECT_EQ(kv_block_bytes(plan, 0, KvType::f32), 2 * kKvBlock * (2 * 16 + 1 * 16) * 4);
  EXPECT_EQ(kv_block_bytes(plan, 1, KvType::f32), 2 * kKvBlock * 4 * 8 * 4);
  EXPECT_EQ(kv_block_bytes(plan, 1, KvType::f16), 2 * kKvBlock * 4 * 8 * 2);
  EXPECT_EQ(kv_block_bytes(plan, 1, KvType::q8_0), 2 * kKvBlock * 4 * 34);  // 8 channels take a block of 32
  EXPECT_EQ(kv_block_bytes(plan, 2, KvType::f32), 0);
}

TEST(KvBytes, Types) {
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    EXPECT_EQ(kv_type_of(to_string(type)), type);
    for (const int head_dim : {1, 7, 64, 80, 576}) {
      EXPECT_EQ(kv_piece_bytes(type, head_dim) % 64, 0);
    }
  }
  EXPECT_EQ(kv_type_of("F16"), std::nullopt);
  EXPECT_EQ(kv_piece_bytes(KvType::q8_0, 128), kKvBlock * 128 * 34 / 32);
}

/// Every piece has a place of its own, each run of blocks fills a stretch of its own, and a head's pieces lie one after
/// the other in it.
TEST(KvBytes, PiecesOfAHeadLieInRuns) {
  EXPECT_EQ(kv_piece_index(19, 2, 5, 1), 8 + 5);
  EXPECT_EQ(kv_piece_index(19, 2, 17, 1), 2 * 16 + 3 + 1);  // the last run has three blocks
  for (const int n_blocks : {1, kKvRun - 1, kKvRun, 2 * kKvRun + 3}) {
    for (const int n_heads : {1, 3, 8}) {
      std::set<std::int64_t> places;
      for (int block = 0; block < n_blocks; ++block) {
        for (int head = 0; head < n_heads; ++head) {
          const std::int64_t at = kv_piece_index(n_blocks, n_heads, block, head);
          const int first = block / kKvRun * kKvRun;
          EXPECT_GE(at, first * n_heads);
          EXPECT_LT(at, std::min(first + kKvRun, n_blocks) * n_heads);
          EXPECT_TRUE(places.insert(at).second) << at;
          if (block % kKvRun > 0) {
            EXPECT_EQ(at, kv_piece_index(n_blocks, n_heads, block - 1, head) + 1);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace llorch
