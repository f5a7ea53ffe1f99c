#include "backend/kv_layout.h"

#include <gtest/gtest.h>

#include <set>

#include "backend/batch.h"

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

}  // namespace
}  // namespace llorch
