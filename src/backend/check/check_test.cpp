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
  EXPECT_NE(to_string(report).find("(attend attn.attend, layer 1): [49, 7]"), std::string::npos);
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

}  // namespace
}  // namespace llorch
