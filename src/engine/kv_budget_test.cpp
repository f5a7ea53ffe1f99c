#include "engine/kv_budget.h"

#include <gtest/gtest.h>

namespace llorch {
namespace {

constexpr std::int64_t kBlock = 1000;

TEST(KvBudget, OneGroup) {
  const KvBudget budget({0}, {kBlock}, 320, 256);  // 10 blocks a sequence
  EXPECT_EQ(budget.spend(100 * kBlock, 4, false).n_blocks, std::vector<int>{40});
  EXPECT_EQ(budget.spend(100 * kBlock, 4, true).n_blocks, std::vector<int>{100});
  EXPECT_EQ(budget.spend(7 * kBlock + 1, 4, false).n_blocks, std::vector<int>{7});
  EXPECT_EQ(budget.spend(kBlock, 4, true).n_blocks, std::vector<int>{1});
  EXPECT_TRUE(budget.spend(kBlock - 1, 4, true).n_blocks.empty());
}

TEST(KvBudget, RingsComeFirst) {
  // 256 blocks and a ring of 25 a sequence, as gemma 3 has it with a window of 512.
  const KvBudget budget({0, 512}, {kBlock, 5 * kBlock}, 8192, 256);
  const std::int64_t full = (256 + 25 * 5) * kBlock;
  EXPECT_EQ(budget.sequence_bytes(8192), full);
  EXPECT_EQ(budget.spend(4 * full, 4, false).n_blocks, (std::vector<int>{1024, 100}));
  EXPECT_EQ(budget.spend(full, 1, true).n_blocks, (std::vector<int>{256, 25}));
  // Less than a full context: the sequence is as long as the blocks of the group that sees all.
  const KvLayout half = budget.spend(full * 9 / 10, 1, false);
  EXPECT_EQ(half.n_blocks[1], 25);
  EXPECT_EQ(half.most_tokens(8192), half.n_blocks[0] * 32);
  EXPECT_GT(half.most_tokens(8192), 6500);
  // Too little for a ring beside anything: still the longest sequence that fits.
  const KvLayout little = budget.spend(60 * kBlock, 4, false);
  EXPECT_EQ(little.n_blocks, (std::vector<int>{10, 10}));
  EXPECT_EQ(little.most_tokens(8192), 320);
  EXPECT_TRUE(budget.spend(5 * kBlock, 4, false).n_blocks.empty());
}

TEST(KvBudget, RingsAlone) {
  const KvBudget budget({4096}, {kBlock}, 32768, 256);
  const int ring = budget.spend(1000 * kBlock, 1, false).n_blocks[0];
  EXPECT_EQ(ring, (4096 - 1 + 256 - 2 + 32) / 32 + 1);
  EXPECT_EQ(budget.spend(2 * ring * kBlock, 8, false).n_blocks[0], 2 * ring);
}

}  // namespace
}  // namespace llorch
