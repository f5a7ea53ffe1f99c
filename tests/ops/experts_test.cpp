// Experts: which are chosen, what comes out in every table, and that a token's bits depend on nothing but the token.
#include <gtest/gtest.h>

#include <cstring>

#include "backend/cpu/experts.h"
#include "harness.h"
#include "quant/formats.h"
#include "quant/sample_blocks.h"

namespace llorch::test {
namespace {

std::vector<float> route(const Moe& moe, const std::vector<float>& logits, const std::vector<float>& bias = {}) {
  Stage stage;
  const WeightId id = bias.empty() ? kNoWeight : stage.add_vector(bias);
  stage.set_slot(Slot::route, moe.n_experts, logits);
  stage.set_slot(Slot::picks, 2 * moe.n_used, std::vector<float>(2 * static_cast<std::size_t>(moe.n_used), NAN));
  stage.set_tokens(1);
  stage.run(1, [&](const Work& work) { ref::ops().route({.moe = moe, .select_bias = id}, work); });
  return stage.slot(Slot::picks);
}

void expect_picks(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 1e-6F) << i;
  }
}

TEST(Route, Weights) {
  const float ln2 = std::log(2.0F);
  const std::vector<float> logits = {0, 2 * ln2, ln2, 0};  // softmax: 1, 4, 2, 1 of 8
  Moe moe{.n_experts = 4, .n_used = 2};
  expect_picks(route(moe, logits), {1, 2, 0.5F, 0.25F});
  moe.norm_chosen = true;
  moe.scale = 3;
  expect_picks(route(moe, logits), {1, 2, 2, 1});
  moe = {.n_experts = 4, .n_used = 2, .gating = Gating::softmax_of_chosen};
  expect_picks(route(moe, logits), {1, 2, 2.0F / 3, 1.0F / 3});
  moe = {.n_experts = 4, .n_used = 1, .gating = Gating::sigmoid};
  expect_picks(route(moe, logits), {1, 0.8F});
  expect_picks(route(moe, logits, {0, 0, 0, 9}), {3, 0.5F});  // the bias chooses and does not weigh
}

TEST(Route, Groups) {
  Moe moe{.n_experts = 6, .n_used = 2, .n_groups = 3, .groups_used = 1, .gating = Gating::softmax_of_chosen};
  const std::vector<float> logits = {5, 0, 3, 3, 4, 1};  // best twos: 5, 6, 5
  const float half = 0.5F;
  expect_picks(route(moe, logits), {2, 3, half, half});
  moe.group_best = 1;
  const float best = 1 / (1 + std::exp(-5.0F));
  expect_picks(route(moe, logits), {0, 1, best, 1 - best});
}

TEST(Route, AnythingGivesExpertsThatExist) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const Gating gating : {Gating::softmax, Gating::sigmoid, Gating::softmax_of_chosen}) {
      const Moe moe{.n_experts = 4, .n_used = 3, .n_groups = 2, .groups_used = 2, .gating = gating};
      const auto picks = route(moe, {bad, 1, bad, bad});
      std::vector<float> experts(picks.begin(), picks.begin() + 3);
      std::sort(experts.begin(), experts.end());
      EXPECT_EQ(std::adjacent_find(experts.begin(), experts.end()), experts.end());
      EXPECT_GE(experts.front(), 0);
      EXPECT_LE(experts.back(), 3);
    }
  }
}

struct Sizes {
  int n_experts, n_used, dim, ff;
};

/// Random experts in `type`, with biases, and their op.
struct Experts {
  Experts(const Sizes& sizes, DType type) : s(sizes) {
    op = {.n_experts = s.n_experts, .n_used = s.n_used};
    op.gate = part(s.ff, s.dim, type, 1);
    op.up = part(s.ff, s.dim, type, 2);
    op.down = part(s.dim, s.ff, type, 3);
    op.scale = 0.5F;
  }
  ExpertsOp::Part part(int rows, int cols, DType type, std::uint32_t seed) {
    const Format& format = format_of(type);
    const std::int64_t n = std::int64_t{s.n_experts} * rows * cols;
    auto values = random_floats(static_cast<std::size_t>(n), seed);
    bytes.push_back(sample_blocks(format, values));
    format.decode(bytes.back().data(), values.data(), n / format.block_len);
    decoded.push_back(values);
    stage.weights.vectors.emplace_back();
    stage.weights.matrices.push_back(
        {type, std::int64_t{s.n_experts} * rows, cols, bytes_of(format, cols), bytes.back().data(), "experts"});
    const auto weight = static_cast<WeightId>(stage.weights.vectors.size()) - 1;
    biases.push_back(random_floats(static_cast<std::size_t>(s.n_experts * rows), seed + 10));
    return {.weight = weight, .bias = stage.add_vector(biases.back()), .rows = rows, .begin = 0, .step = rows};
  }

  /// The same with F32 weights.
  Experts as_f32() const {
    Experts out(s, DType::f32);
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      out.decoded[i] = decoded[i];
      std::memcpy(out.bytes[i].data(), decoded[i].data(), out.bytes[i].size());
    }
    return out;
  }

  /// Tokens [first, first + n) of `x` [*, dim] with their `picks`, in one batch.
  std::vector<float> run(const OpTable& table, const std::vector<float>& x, const std::vector<float>& picks, int first,
                         int n, int n_threads) {
    const auto rows = [&](const std::vector<float>& all, int width) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first) * width;
      return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(n) * width);
    };
    const auto room = [n](int width) { return std::vector<float>(static_cast<std::size_t>(n * width), NAN); };
    stage.set_slot(Slot::xn, s.dim, rows(x, s.dim));
    stage.set_slot(Slot::x, s.dim, std::vector<float>(static_cast<std::size_t>(n * s.dim), 1.0F));
    stage.set_slot(Slot::picks, 2 * s.n_used, rows(picks, 2 * s.n_used));
    stage.set_slot(Slot::order, 3 * s.n_used, room(3 * s.n_used));
    stage.set_slot(Slot::gate, s.n_used * s.ff, room(s.n_used * s.ff));
    stage.set_slot(Slot::up, s.n_used * s.ff, room(s.n_used * s.ff));
    stage.set_slot(Slot::down, s.n_used * s.dim, room(s.n_used * s.dim));
    stage.set_tokens(n);
    stage.run(n_threads, [&](const Work& work) { cpu::run_experts(table, op, work); });
    return stage.slot(Slot::x);
  }

  /// The definition, one expert and token at a time, in double.
  double expected(const float* x, const float* picks, int d) const {
    double sum = 0;
    for (int j = 0; j < s.n_used; ++j) {
      const auto e = static_cast<std::size_t>(picks[j]);
      double down = biases[2][e * s.dim + d];
      for (int f = 0; f < s.ff; ++f) {
        const std::size_t row = e * s.ff + f;
        double g = biases[0][row];
        double u = biases[1][row];
        for (int i = 0; i < s.dim; ++i) {
          g += static_cast<double>(decoded[0][row * s.dim + i]) * x[i];
          u += static_cast<double>(decoded[1][row * s.dim + i]) * x[i];
        }
        down += decoded[2][(e * s.dim + d) * s.ff + f] * (g / (1 + std::exp(-g)) * u);
      }
      sum += picks[s.n_used + j] * down;
    }
    return 1 + 0.5 * sum;
  }

  Sizes s;
  Stage stage;
  ExpertsOp op;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<std::vector<float>> decoded, biases;  // gate, up, down
};

TEST(Experts, EveryTableLikeTheDefinition) {
  constexpr int kTokens = 9;
  for (const Sizes& sizes : {Sizes{1, 1, 32, 32}, Sizes{4, 2, 64, 32}, Sizes{5, 3, 32, 96}, Sizes{8, 8, 96, 64}}) {
    for (const DType type : {DType::f32, DType::q8_0, DType::mxfp4}) {
      for (const Activations activations : {Activations::f32, Activations::q8}) {
        Experts experts(sizes, type);
        experts.stage.activations = activations;
        const auto x = random_floats(static_cast<std::size_t>(kTokens * sizes.dim), 5);
        std::vector<float> picks;
        for (int t = 0; t < kTokens; ++t) {
          for (int j = 0; j < sizes.n_used; ++j) {
            picks.push_back(static_cast<float>((t * 3 + j) % sizes.n_experts));
          }
          for (int j = 0; j < sizes.n_used; ++j) {
            picks.push_back(0.1F + 0.2F * static_cast<float>(j));
          }
        }
        for (const OpTable& table : tables()) {
          SCOPED_TRACE(testing::Message()
                       << table.name << " " << sizes.n_experts << " experts " << format_of(type).name);
          const auto whole = experts.run(table, x, picks, 0, kTokens, 1);
          if (activations == Activations::f32) {
            for (std::size_t i = 0; i < whole.size(); ++i) {
              const auto t = i / static_cast<std::size_t>(sizes.dim);
              const double want = experts.expected(&x[t * sizes.dim], &picks[t * 2 * sizes.n_used],
                                                   static_cast<int>(i % static_cast<std::size_t>(sizes.dim)));
              ASSERT_NEAR(whole[i], want, 1e-3 * std::max(1.0, std::fabs(want)));
            }
          }
          for (const int n_threads : {1, 3}) {
            std::vector<float> alone;
            for (int t = 0; t < kTokens; ++t) {
              const auto row = experts.run(table, x, picks, t, 1, n_threads);
              alone.insert(alone.end(), row.begin(), row.end());
            }
            ASSERT_EQ(std::memcmp(alone.data(), whole.data(), whole.size() * sizeof(float)), 0);
            const auto again = experts.run(table, x, picks, 0, kTokens, n_threads);
            ASSERT_EQ(std::memcmp(again.data(), whole.data(), whole.size() * sizeof(float)), 0);
          }
        }
      }
    }
  }
}

/// Every format, against the same experts with their weights decoded to F32. A product of 8-bit activations with what a
/// product of 8-bit activations left has the errors of both.
TEST(Experts, EveryFormatLikeItsDecodedWeights) {
  constexpr int kTokens = 3;
  const Sizes sizes = {3, 2, 256, 256};
  const auto x = random_floats(std::size_t{kTokens} * 256, 5);
  const std::vector<float> picks = {0, 2, 0.7F, 0.3F, 1, 0, 0.6F, 0.4F, 2, 1, 0.5F, 0.5F};  // of each token
  for (const Format& format : formats()) {
    Experts experts(sizes, format.type);
    Experts decoded = experts.as_f32();
    const auto want = decoded.run(ref::ops(), x, picks, 0, kTokens, 1);
    for (const OpTable& table : tables()) {
      for (const Activations activations : {Activations::f32, Activations::q8}) {
        experts.stage.activations = activations;
        const bool q8 = activations == Activations::q8 && table.has_q8(format.type);
        EXPECT_LT(nmse(experts.run(table, x, picks, 0, kTokens, 2), want), q8 ? 1e-3 : 1e-10)
            << table.name << " " << format.name << (q8 ? " q8" : "");
      }
    }
  }
}

}  // namespace
}  // namespace llorch::test
