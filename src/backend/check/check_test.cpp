#include "backend/check/check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu/host_backend.h"
#include "backend/testing/tiny_model.h"

namespace llorch {
namespace {

std::unique_ptr<Backend> loaded(const OpTable& table, const testing::TinyModel& model) {
  auto backend = std::make_unique<cpu::HostBackend>(table, table.name, BackendOptions{.n_threads = 2});
  EXPECT_TRUE(backend->load(model.plan(), model, testing::tiny_kv(model.plan())).ok());
  return backend;
}

CheckReport compare_with_ref(const OpTable& table) {
  const testing::TinyModel model;
  const auto a = loaded(ref::ops(), model);
  const auto b = loaded(table, model);
  testing::TinyBlocks blocks(model.plan().n_kv_groups, 64, 3);
  testing::TinySequence sequence = blocks.sequence(testing::random_tokens(50, model.vocab(), 4));
  testing::TinyBatch batch(model.plan().n_kv_groups);
  batch.add(sequence, 50);
  auto report = compare(*a, *b, batch.batch(), {});
  EXPECT_TRUE(report.ok());
  return *report;
}

TEST(Check, EqualBackendsDifferNowhere) {
  const CheckReport report = compare_with_ref(ref::ops());
  EXPECT_EQ(report.first_over, -1);
  for (const StepDifference& d : report.steps) {
    EXPECT_EQ(d.max_abs, 0) << d.role;
  }
}

TEST(Check, NamesTheStepThatIsBroken) {
  OpTable broken = ref::ops();
  broken.attend = [](const AttendOp& op, int layer, const Work& work) {
    ref::ops().attend(op, layer, work);
    if (layer == 1 && work.thread == work.n_threads - 1) {
      work.slot(Slot::att)[49 * op.n_heads * op.head_dim + 7] += 0.5F;
    }
  };
  const CheckReport report = compare_with_ref(broken);
  ASSERT_GE(report.first_over, 0);
  const StepDifference& d = report.steps[static_cast<std::size_t>(report.first_over)];
  EXPECT_EQ(d.role, "attn.attend");
  EXPECT_EQ(d.layer, 1);
  EXPECT_EQ(d.row, 49);
  EXPECT_EQ(d.col, 7);
  EXPECT_NEAR(d.max_abs, 0.5, 1e-6);
  EXPECT_NE(to_string(report).find("blk 1 attn.attend (attend): by 0.5"), std::string::npos);
}

TEST(Check, SeesKeysThatRopeGotWrong) {
  OpTable broken = ref::ops();
  broken.rope_store = [](const RopeStoreOp& op, int layer, const Work& work) {
    ref::ops().rope_store(op, layer, work);
    if (work.thread == 0) {
      work.slot(Slot::k)[3] = NAN;
    }
  };
  const CheckReport report = compare_with_ref(broken);
  ASSERT_GE(report.first_over, 0);
  EXPECT_EQ(report.steps[static_cast<std::size_t>(report.first_over)].role, "attn.rope");
}

StepOutput output(const Step& step, const std::vector<float>& values, int width) {
  const int rows = static_cast<int>(values.size()) / width;
  return {.step_index = 5, .step = step, .slot = Slot::q, .values = values, .rows = rows, .width = width};
}

TEST(Check, MeasuresTheDifference) {
  StepKeeper keeper;
  const Step step{.op = LinearOp{}, .layer = 3, .role = "attn.q"};
  const std::vector<float> a = {1, 2, 3, 4};
  const std::vector<float> b = {1, 2, 3, 6};
  keeper.after(output(step, a, 2));
  StepComparer comparer(keeper, {.abs = 0, .rel = 0});
  comparer.after(output(step, b, 2));
  const auto report = comparer.report();
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->first_over, 0);
  const StepDifference& d = report->steps[0];
  EXPECT_EQ(step_name(d.layer, d.role), "blk 3 attn.q");
  EXPECT_EQ(d.max_abs, 2);
  EXPECT_EQ(d.rms, 1);
  EXPECT_NEAR(d.nmse, 4.0 / 30, 1e-15);
  EXPECT_EQ(d.row, 1);
  EXPECT_EQ(d.col, 1);
}

TEST(Check, NamesAStepOfAnotherSize) {
  StepKeeper keeper;
  const Step step{.op = LinearOp{}, .layer = 3, .role = "attn.q"};
  const std::vector<float> four(4);
  const std::vector<float> six(6);
  keeper.after(output(step, four, 2));
  StepComparer comparer(keeper, {});
  comparer.after(output(step, six, 3));
  const auto report = comparer.report();
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().message, "the plans differ: step 5, blk 3 attn.q (linear), writes 4 and 6 values");
  StepComparer none(keeper, {});
  EXPECT_FALSE(none.report().ok());
}

TEST(Check, NumbersOfPlans) {
  const Plan plan = testing::TinyModel().plan();
  EXPECT_EQ(first_other_numbers(plan, plan).a, "");
  Plan other = plan;
  std::get<NormOp>(other.steps[1].op).eps = 0.5F;
  EXPECT_TRUE(check_same_shape(plan, other).ok());
  EXPECT_NE(first_other_numbers(plan, other).a, first_other_numbers(plan, other).b);
  EXPECT_NE(first_other_numbers(plan, other).b.find("eps=0.5"), std::string::npos);
}

TEST(Check, ShapesOfPlans) {
  const Plan plan = testing::TinyModel().plan();
  EXPECT_TRUE(check_same_shape(plan, plan).ok());
  const auto fault = [&plan](auto change) {
    Plan other = plan;
    change(other);
    const Status status = check_same_shape(plan, other);
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_NE(fault([](Plan& p) { p.spec.layers.pop_back(); }).find("the layers are 2 and 1"), std::string::npos);
  EXPECT_NE(fault([](Plan& p) { p.spec.vocab += 1; }).find("vocabulary"), std::string::npos);
  EXPECT_NE(fault([](Plan& p) { p.steps[1].role = "attn.other"; }).find("step 1 is blk 0 "), std::string::npos);
  EXPECT_NE(fault([](Plan& p) { p.steps.pop_back(); }).find("the steps are"), std::string::npos);
  EXPECT_NE(fault([](Plan& p) { p.widths[0] += 1; }).find("slot x are"), std::string::npos);
}

}  // namespace
}  // namespace llorch
