#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "engine/loaded_model.h"

namespace llorch::cli {
namespace {

TEST(Load, WhatIsRefusedBeforeTheWeightsEndsTheLoad) {
  double share = 0;
  bool had_all = false;
  LoadOptions options;
  options.progress = [&](double now) { share = now; };
  options.before_weights = [&](const LoadedModel& model) -> Status {
    had_all =
        model.tokenizer != nullptr && model.chat.usable() && !model.plan.weights.empty() && model.weights == nullptr;
    return Error{ErrorCode::unsupported, "not this one"};
  };
  const Result<LoadedModel> model = load_model(kBuiltinHaiku, options);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().message, "not this one");
  EXPECT_TRUE(had_all);
  EXPECT_LT(share, 0.75) << "weights were looked at";
}

TEST(Load, HoldsTheBlocksThatInspectForetells) {
  LoadOptions options;
  options.device = "ref";
  options.context = 100;
  options.max_sequences = 3;
  const Result<LoadedModel> model = load_model(kBuiltinHaiku, options);
  ASSERT_TRUE(model.ok()) << model.error().message;
  const Result<PlannedModel> planned = plan_model(*model->files.checkpoint, options.context);
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->context, model->context);
  const Result<KvPlan> kv = kv_plan_of(options, planned->plan, planned->context, INT64_MAX / 4);
  ASSERT_TRUE(kv.ok());
  EXPECT_EQ(kv->layout.n_blocks, model->kv.n_blocks);
  EXPECT_EQ(kv->shape.n_blocks, model->kv.n_blocks);
  EXPECT_EQ(kv->shape.max_batch_seqs, 3);
  EXPECT_EQ(kv->shape.max_outputs, 3);
  EXPECT_FALSE(kv_plan_of(options, planned->plan, planned->context, 1).ok()) << "one byte holds no block";
}

}  // namespace
}  // namespace llorch::cli
