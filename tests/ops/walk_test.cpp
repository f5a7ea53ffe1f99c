// Products that follow each other in a plan: 8-bit rows of x that one leaves are taken by the next where they are
// right, and nowhere else.
#include "backend/cpu/walk.h"

#include <gtest/gtest.h>

#include <vector>

#include "harness.h"
#include "quant/formats.h"
#include "quant/sample_blocks.h"

namespace llorch::test {
namespace {

/// A product of a plan.
struct Product {
  DType type;
  Slot in;
  Slot out;
  bool packed = true;
};

// Neighbours of one x share its 8-bit rows, are of different formats, or differ in how their weights lie; the sixth
// writes what the seventh reads.
constexpr Product kProducts[] = {
    {DType::q4_k, Slot::xn, Slot::q},           {DType::q4_k, Slot::xn, Slot::k},  {DType::q6_k, Slot::xn, Slot::v},
    {DType::q4_k, Slot::xn, Slot::q_a},         {DType::q4_k, Slot::x, Slot::att}, {DType::q4_k, Slot::x, Slot::x},
    {DType::q4_k, Slot::x, Slot::gate},         {DType::q8_0, Slot::x, Slot::up},  {DType::q8_0, Slot::x, Slot::down},
    {DType::q8_0, Slot::x, Slot::heads, false},
};
constexpr int kWidth = 256;

class PlanOfProducts {
 public:
  PlanOfProducts(const OpTable& table, int n_tokens) : table_(table) {
    stage_.activations = Activations::q8;
    stage_.set_tokens(n_tokens);
    stage_.batch.tokens = tokens_ = std::vector<std::int32_t>(static_cast<std::size_t>(n_tokens));
    std::uint32_t seed = 1;
    for (const Product& product : kProducts) {
      add(product, ++seed);
    }
    for (const Slot slot : {Slot::xn, Slot::x, Slot::q, Slot::k, Slot::v, Slot::q_a, Slot::att, Slot::gate, Slot::up,
                            Slot::down, Slot::heads}) {
      stage_.set_slot(slot, kWidth, random_floats(static_cast<std::size_t>(n_tokens) * kWidth, ++seed));
    }
  }

  /// All outputs, one after the other; `alone`: each by a product of its own.
  std::vector<std::vector<float>> run(int n_threads, bool alone) {
    stage_.run(n_threads, [&](const Work& work) {
      for (std::size_t i = 0; i < stage_.plan.steps.size(); ++i) {
        if (alone) {
          const auto& op = std::get<LinearOp>(stage_.plan.steps[i].op);
          cpu::run_matmul(table_,
                          {.w = &work.matrix(op.weight),
                           .packed = work.packed(op.weight),
                           .x = work.slot(op.in),
                           .m = work.batch->n_tokens(),
                           .y = work.slot(op.out)},
                          work);
        } else {
          cpu::run_step(table_, i, work);
        }
        work.team->barrier();
      }
    });
    std::vector<std::vector<float>> outputs;
    for (const Product& product : kProducts) {
      outputs.push_back(stage_.slot(product.out));
    }
    return outputs;
  }

 private:
  void add(const Product& product, std::uint32_t seed) {
    const Format& format = format_of(product.type);
    bytes_.push_back(sample_blocks(format, random_floats(std::size_t{kWidth} * kWidth, seed)));
    const MatrixView w{product.type, kWidth, kWidth, bytes_of(format, kWidth), bytes_.back().data(), "w"};
    const auto id = static_cast<WeightId>(stage_.weights.matrices.size());
    stage_.weights.matrices.push_back(w);
    stage_.weights.vectors.emplace_back();
    packed_.emplace_back(table_, w);
    stage_.weights.packed.push_back({product.packed ? packed_.back().data() : nullptr, row_bytes_packed(table_, w)});
    stage_.plan.steps.push_back({.op = LinearOp{.weight = id, .in = product.in, .out = product.out}});
  }

  OpTable table_;
  Stage stage_;
  std::vector<std::int32_t> tokens_;
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<Packed> packed_;
};

TEST(Walk, ProductsInARowAreThoseAlone) {
  for (const OpTable& table : tables()) {
    for (const int n_tokens : {1, 5, 20}) {
      for (const int n_threads : {1, 3}) {
        SCOPED_TRACE(testing::Message() << table.name << ", " << n_tokens << " tokens, " << n_threads << " threads");
        EXPECT_EQ(PlanOfProducts(table, n_tokens).run(n_threads, false), PlanOfProducts(table, n_tokens).run(1, true));
      }
    }
  }
}

}  // namespace
}  // namespace llorch::test
