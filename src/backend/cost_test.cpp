#include "backend/cost.h"

#include <gtest/gtest.h>

#include "backend/testing/tiny_model.h"

namespace llorch {
namespace {

class CostTest : public ::testing::Test {
 protected:
  CostTest() : batch_(model_.plan().n_kv_groups) {
    for (const WeightDecl& decl : model_.plan().weights) {
      row_bytes_.push_back(decl.cols * 4);
    }
    testing::TinyBlocks blocks(model_.plan().n_kv_groups, 64, 1);
    testing::TinySequence prompt = blocks.sequence(std::vector<std::int32_t>(50, 1));
    testing::TinySequence decode = blocks.sequence(std::vector<std::int32_t>(91, 1));
    decode.n_stored = 90;
    batch_.add(prompt, 50);
    batch_.add(decode, 1);
    batch_.output_rows = {49, 50};
  }
  Cost of(std::string_view role, int layer) {
    for (const Step& step : model_.plan().steps) {
      if (step.role == role && step.layer == layer) {
        return cost(step.op, model_.plan(), batch_.batch(), row_bytes_, kv_type_);
      }
    }
    ADD_FAILURE() << "no step " << role;
    return {};
  }
  testing::TinyModel model_;
  testing::TinyBatch batch_;
  std::vector<std::int64_t> row_bytes_;
  KvType kv_type_ = KvType::f32;
};

TEST_F(CostTest, LinearCountsWeightsOnceAndActivationsPerToken) {
  EXPECT_EQ(of("ffn.gate", 0).flops, std::int64_t{2} * 51 * 96 * 64);
  EXPECT_EQ(of("ffn.gate", 0).bytes, 4 * (96 * 64 + 96 + 51 * (64 + 96)));
  EXPECT_EQ(of("ffn.down", 0).bytes, 4 * (96 * 64 + 64 + 51 * (96 + 2 * 64)));  // the residual is read and written
  EXPECT_EQ(of("output", -1).flops, std::int64_t{2} * 2 * 61 * 64);
}

TEST_F(CostTest, AttendCountsKeysThatAreSeen) {
  const std::int64_t qo = 4 * 51 * 2 * 64;
  const std::int64_t pair_flops = 4 * (4 * 16 + 3);
  EXPECT_EQ(of("attn.attend", 0).bytes, qo + 4 * (50 + 91) * 2 * 2 * 16);
  EXPECT_EQ(of("attn.attend", 0).flops, (50 * 51 / 2 + 91) * pair_flops);
  EXPECT_EQ(of("attn.attend", 1).bytes, qo + 4 * (50 + 40) * 2 * 2 * 16);  // the window of 40
  EXPECT_EQ(of("attn.attend", 1).flops, (40 * 41 / 2 + 10 * 40 + 40) * pair_flops);
}

TEST_F(CostTest, TheCacheCountsInItsType) {
  const std::int64_t qo = 4 * 51 * 2 * 64;
  kv_type_ = KvType::f16;
  EXPECT_EQ(of("attn.attend", 0).bytes, qo + 2 * (50 + 91) * 2 * 2 * 16);
  kv_type_ = KvType::q8_0;
  EXPECT_EQ(of("attn.attend", 0).bytes, qo + (50 + 91) * 2 * 2 * 34);
}

TEST_F(CostTest, EveryStepHasACost) {
  for (const Step& step : model_.plan().steps) {
    const Cost c = cost(step.op, model_.plan(), batch_.batch(), row_bytes_, kv_type_);
    EXPECT_GT(c.bytes, 0) << step.role;
    EXPECT_GT(c.flops, 0) << step.role;
  }
}

}  // namespace
}  // namespace llorch
