#include <gtest/gtest.h>

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

}  // namespace
}  // namespace llorch::cli
