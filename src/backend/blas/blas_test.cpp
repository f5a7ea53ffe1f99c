// blas against the reference: the same model, within the rounding of floats.
#include <gtest/gtest.h>

#include "backend/check/check.h"
#include "backend/cpu/host_backend.h"
#include "backend/testing/tiny_model.h"
#include "quant/formats.h"

namespace llorch {
namespace {

class BlasTest : public ::testing::TestWithParam<DType> {};

TEST_P(BlasTest, AgreesWithTheReference) {
  auto blas = create_backend("blas", {.n_threads = 3, .activations = Activations::f32});
  if (!blas.ok()) {
    GTEST_SKIP() << blas.error().message;
  }
  const testing::TinyModel model(GetParam());
  const KvShape kv = testing::tiny_kv(model.plan());
  cpu::HostBackend ref(ref::ops(), "ref", {.n_threads = 2, .activations = Activations::f32});
  ASSERT_TRUE(ref.load(model.plan(), model, kv).ok());
  ASSERT_TRUE((*blas)->load(model.plan(), model, kv).ok());
  testing::TinyBlocks blocks(model.plan().n_kv_groups, 64, 3);
  testing::TinySequence sequence = blocks.sequence(testing::random_tokens(100, model.vocab(), 4));
  testing::TinyBatch batch(model.plan().n_kv_groups);
  batch.add(sequence, 100);
  batch.output_rows.erase(batch.output_rows.begin() + 50,
                          batch.output_rows.begin() + 55);  // rows that are no neighbours
  const auto report = compare(ref, **blas, batch.batch(), {.abs = 1e-4, .rel = 1e-4});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->first_over, -1) << to_string(*report);
}

INSTANTIATE_TEST_SUITE_P(Formats, BlasTest, ::testing::Values(DType::f32, DType::q8_0),
                         [](const auto& test) { return std::string(format_of(test.param).name); });

}  // namespace
}  // namespace llorch
