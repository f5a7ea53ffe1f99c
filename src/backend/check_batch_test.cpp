#include "backend/check_batch.h"

#include <gtest/gtest.h>

#include <functional>

#include "backend/testing/tiny_model.h"

namespace llorch {
namespace {

BatchLimits limits() {
  return {.kv = {.n_blocks = {8, 8}, .max_batch_tokens = 64, .max_batch_seqs = 2, .max_outputs = 64},
          .windows = {0, 38},
          .vocab = 61,
          .n_logits = 61,
          .positions = 100};
}

/// Two sequences: positions 0..39 in blocks {3, 5}, and position 70 in blocks {1, 2, 7}.
testing::TinyBatch good() {
  testing::TinyBatch batch(2);
  testing::TinySequence first{.tokens = std::vector<std::int32_t>(40, 1), .blocks = {{3, 5}, {3, 5}}};
  testing::TinySequence second{
      .tokens = std::vector<std::int32_t>(71, 1), .blocks = {{1, 2, 7}, {-1, 2, 7}}, .n_stored = 70};
  batch.add(first, 40);
  batch.add(second, 1);
  return batch;
}

TEST(CheckBatch, TakesAGoodBatchWithFreedBlocksOutsideTheWindow) {
  testing::TinyBatch batch = good();
  const Status status = check_batch(limits(), batch.batch(), {}, {});
  EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST(CheckBatch, NamesTheFault) {
  struct Case {
    const char* message;
    std::function<void(testing::TinyBatch&)> spoil;
  };
  const Case cases[] = {
      {"0 tokens", [](auto& b) { b = testing::TinyBatch(2); }},
      {"positions has 40 entries, 41", [](auto& b) { b.positions.pop_back(); }},
      {"seq_starts has 2 entries, 3", [](auto& b) { b.seq_starts.pop_back(); }},
      {"tokens[4] is 61, outside 0..60", [](auto& b) { b.tokens[4] = 61; }},
      {"tokens[4] is -1", [](auto& b) { b.tokens[4] = -1; }},
      {"seq_starts go from 0 to 40", [](auto& b) { b.seq_starts[2] = 40; }},
      {"sequence 0 has the tokens 0..0", [](auto& b) { b.seq_starts[1] = 0; }},
      {"position 3 follows 3", [](auto& b) { b.positions[4] = 3; }},
      {"kv_len is 41", [](auto& b) { b.kv_lens[0] = 41; }},
      {"position -5 follows -1", [](auto& b) { b.positions[0] = -5; }},
      {"positions[40] is 100, outside 0..99", [](auto& b) { b.positions[40] = 100, b.kv_lens[1] = 101; }},
      {"block 1 of sequence 0 is 8", [](auto& b) { b.tables[0][1] = 8; }},
      {"block 0 of sequence 1 is -1", [](auto& b) { b.tables[0][16] = -1; }},
      {"kv_slots[2] is 5, but the block table says 98", [](auto& b) { b.kv_slots[1][2] = 5; }},
      {"block_table has 31 entries", [](auto& b) { b.tables[0].pop_back(); }},
      {"output_rows[1] is 41, outside 0..40",
       [](auto& b) {
         b.output_rows = {0, 41};
       }},
      {"65 output rows", [](auto& b) { b.output_rows.assign(65, 0); }},
  };
  for (const Case& c : cases) {
    testing::TinyBatch batch = good();
    c.spoil(batch);
    const Status status = check_batch(limits(), batch.batch(), {}, {});
    ASSERT_FALSE(status.ok()) << c.message;
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(status.error().message.find(c.message), std::string::npos) << status.error().message;
  }
}

TEST(CheckBatch, OutputsHaveTheirSizes) {
  testing::TinyBatch batch = good();
  std::vector<float> logits(41 * 61 - 1);
  EXPECT_FALSE(check_batch(limits(), batch.batch(), {}, {.logits = logits, .sampled = {}}).ok());
  std::vector<std::int32_t> sampled(41);
  const std::vector<SampleSpec> samples(40);
  EXPECT_FALSE(check_batch(limits(), batch.batch(), samples, {.logits = {}, .sampled = sampled}).ok());
}

}  // namespace
}  // namespace llorch
