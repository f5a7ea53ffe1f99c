// Sums over inputs that can be told by hand.
#include "cli/input_sums.h"

#include <gtest/gtest.h>

namespace llorch::cli {
namespace {

class Observed {
 public:
  explicit Observed(const Plan& plan) : sums_(plan) {}
  void step(const Op& op, Slot slot, const std::vector<float>& values, int rows) {
    const Step step{.op = op, .layer = 0, .role = "test"};
    sums_.after({.step_index = 0,
                 .step = step,
                 .slot = slot,
                 .values = values,
                 .rows = rows,
                 .width = static_cast<int>(values.size()) / rows});
  }
  const ImportanceSums& of(const char* name) const { return sums_.sums().at(name); }
  std::size_t n() const { return sums_.sums().size(); }

 private:
  InputSums sums_;
};

using Numbers = std::vector<double>;

TEST(InputSums, AddsTheSquaresOfALinearsInput) {
  Plan plan;
  plan.weights = {{.name = "a.weight", .rows = 1, .cols = 2}};
  Observed observed(plan);
  observed.step(NormOp{}, Slot::xn, {1, 2, 3, 4}, 2);
  observed.step(LinearOp{.weight = 0, .in = Slot::xn, .out = Slot::q}, Slot::q, {9, 9}, 2);
  EXPECT_EQ(observed.of("a.weight").squares, (Numbers{10, 20}));
  EXPECT_EQ(observed.of("a.weight").counts, (Numbers{2}));
}

TEST(InputSums, LeavesTheLogitsOut) {
  Plan plan;
  Observed observed(plan);
  observed.step(LogitsOp{}, Slot::none, {1, 2}, 1);
  EXPECT_EQ(observed.n(), 0u);
}

TEST(InputSums, CountsHeadsApart) {
  Plan plan;
  plan.weights = {{.name = "k_b.weight", .rows = 4, .cols = 2}};
  Observed observed(plan);
  observed.step(NormOp{}, Slot::heads, {1, 2, 3, 4}, 1);
  const HeadPlace in{.slot = Slot::heads, .row = 4, .step = 2};
  observed.step(HeadsLinearOp{.weight = 0, .n_heads = 2, .rows = 2, .in = in}, Slot::q, {0, 0, 0, 0}, 1);
  EXPECT_EQ(observed.of("k_b.weight").squares, (Numbers{1, 4, 9, 16}));
  EXPECT_EQ(observed.of("k_b.weight").counts, (Numbers{1, 1}));
}

TEST(InputSums, CountsExpertsApart) {
  Plan plan;
  plan.weights = {{.name = "gate", .rows = 3, .cols = 2},
                  {.name = "up", .rows = 3, .cols = 2},
                  {.name = "down", .rows = 6, .cols = 1}};
  Observed observed(plan);
  observed.step(NormOp{}, Slot::xn, {1, 2, 3, 4}, 2);
  observed.step(RouteOp{}, Slot::picks, {2, 0, 0.5F, 0.5F, 0, 1, 0.5F, 0.5F}, 2);  // token 0: 2, 0; token 1: 0, 1
  const ExpertsOp op{.n_experts = 3,
                     .n_used = 2,
                     .gate = {.weight = 0, .rows = 1, .step = 1},
                     .up = {.weight = 1, .rows = 1, .step = 1},
                     .down = {.weight = 2, .rows = 2, .step = 2}};
  observed.step(op, Slot::x, {0, 0, 0, 0}, 2);
  observed.step(op, Slot::gate, {5, 6, 7, 8}, 2);  // sorted: expert 0 of tokens 0 and 1, expert 1 of 1, expert 2 of 0
  EXPECT_EQ(observed.of("gate").squares, (Numbers{10, 20, 9, 16, 1, 4}));
  EXPECT_EQ(observed.of("up").squares, observed.of("gate").squares);
  EXPECT_EQ(observed.of("down").squares, (Numbers{61, 49, 64}));
  EXPECT_EQ(observed.of("down").counts, (Numbers{2, 1, 1}));
}

}  // namespace
}  // namespace llorch::cli
