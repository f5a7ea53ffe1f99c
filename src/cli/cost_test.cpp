#include "cli/cost.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "backend/backend.h"
#include "engine/loaded_model.h"

namespace llorch::cli {
namespace {

/// The weights of a plan as if all matrices had one format; their bytes are not asked for.
class OneFormat : public WeightSource {
 public:
  OneFormat(const Plan& plan, DType type) : plan_(&plan), type_(type) {}

  Result<MatrixView> matrix(WeightId id) const override {
    const WeightDecl& weight = plan_->weights[static_cast<std::size_t>(id)];
    return MatrixView{.type = type_,
                      .rows = weight.rows,
                      .cols = weight.cols,
                      .row_bytes = bytes_of(format_of(type_), weight.cols),
                      .data = nullptr,
                      .name = ""};
  }
  Result<std::vector<float>> vector(WeightId /*id*/) const override { return std::vector<float>(); }

 private:
  const Plan* plan_;
  DType type_;
};

class BenchCost : public ::testing::Test {
 protected:
  void SetUp() override {
    auto files = open_model(kBuiltinHaiku);
    ASSERT_TRUE(files.ok());
    auto plan = plan_of(*files->checkpoint, 0);
    ASSERT_TRUE(plan.ok());
    plan_ = *plan;
  }
  /// Whether a prefill of 16 tokens with all matrices in `type` is held against the roof of integers.
  bool is_int8(DType type, HasQ8 has_q8) const {
    const OneFormat weights(plan_, type);
    const auto roles = int8_roles_of(plan_, weights, has_q8);
    EXPECT_TRUE(roles.ok());
    const auto cost = run_cost(plan_, weights, *roles, 0, 16, KvType::f16);
    EXPECT_TRUE(cost.ok());
    EXPECT_EQ(cost->int8_flops > 0, !roles->empty());
    return cost->is_int8();
  }

  Plan plan_;
};

TEST_F(BenchCost, OnlyFormatsWithAnInt8KernelAreHeldAgainstTheRoofOfIntegers) {
  const auto backend = create_backend("cpu", {});
  ASSERT_TRUE(backend.ok());
  const HasQ8 has_q8 = has_q8_of((*backend)->name());
  if (has_q8 == nullptr) {
    GTEST_SKIP() << "this processor has the reference alone";
  }
  for (const DType type : {DType::q8_0, DType::q4_k, DType::iq4_xs, DType::mxfp4}) {
    EXPECT_TRUE(is_int8(type, has_q8)) << format_of(type).name;
  }
  for (const DType type : {DType::f32, DType::f16, DType::q2_k, DType::q3_k, DType::iq2_xxs}) {
    EXPECT_FALSE(is_int8(type, has_q8)) << format_of(type).name;
  }
}

TEST_F(BenchCost, OtherDevicesMultiplyNoIntegers) {
  for (const char* device : {"ref", "blas", "cuda:0"}) {
    EXPECT_EQ(has_q8_of(device), nullptr) << device;
  }
  EXPECT_FALSE(is_int8(DType::q8_0, nullptr));
}

TEST_F(BenchCost, ARoleCountsWhereOneOfItsMatricesDoes) {
  const OneFormat weights(plan_, DType::q4_k);
  const auto roles = int8_roles_of(plan_, weights, [](DType type) { return type == DType::q4_k; });
  ASSERT_TRUE(roles.ok());
  EXPECT_EQ(std::count(roles->begin(), roles->end(), "ffn.down"), 1) << "once, of all layers";
  EXPECT_EQ(std::count(roles->begin(), roles->end(), "attn.attend"), 0) << "no weights take part";
}

}  // namespace
}  // namespace llorch::cli
