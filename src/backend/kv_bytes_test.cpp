#include "backend/kv_bytes.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(kv_block_bytes(plan, 0), 2 * kKvBlock * (2 * 16 + 1 * 16) * 4);
  EXPECT_EQ(kv_block_bytes(plan, 1), 2 * kKvBlock * 4 * 8 * 4);
  EXPECT_EQ(kv_block_bytes(plan, 2), 0);
}

}  // namespace
}  // namespace llorch
