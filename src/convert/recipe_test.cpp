// Recipes against what llama.cpp chooses for the same shapes.
#include "convert/recipe.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace llorch {
namespace {

/// A model's tensors with their shapes, and what a recipe makes of them.
class Tensors {
 public:
  void add(std::string name, std::vector<std::int64_t> shape, DType type = DType::f32) {
    names_.push_back(std::move(name));
    shapes_.push_back(std::move(shape));
    types_.push_back(type);
  }
  std::map<std::string, DType> choose(std::string_view recipe, const RecipeModel& model) const {
    std::vector<RecipeTensor> tensors;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      tensors.push_back({names_[i], shapes_[i], types_[i]});
    }
    const std::vector<DType> chosen = choose_types(*find_recipe(recipe), model, tensors);
    std::map<std::string, DType> by_name;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      by_name[names_[i]] = chosen[i];
    }
    return by_name;
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<DType> types_;
};

std::string blk(int layer, const char* rest) {
  return "blk." + std::to_string(layer) + "." + rest;
}

Tensors llama(int n_layers, std::int64_t dim = 2048, std::int64_t ff = 8192) {
  Tensors all;
  all.add("token_embd.weight", {32000, dim});
  for (int i = 0; i < n_layers; ++i) {
    all.add(blk(i, "attn_norm.weight"), {dim});
    all.add(blk(i, "attn_q.weight"), {dim, dim});
    all.add(blk(i, "attn_k.weight"), {dim / 4, dim});
    all.add(blk(i, "attn_v.weight"), {dim / 4, dim});
    all.add(blk(i, "attn_output.weight"), {dim, dim});
    all.add(blk(i, "ffn_gate.weight"), {ff, dim});
    all.add(blk(i, "ffn_up.weight"), {ff, dim});
    all.add(blk(i, "ffn_down.weight"), {dim, ff});
  }
  all.add("output_norm.weight", {dim});
  all.add("output.weight", {32000, dim});
  return all;
}

const RecipeModel kLlama16{.n_layers = 16, .heads_per_kv = 4};

TEST(Recipe, Q4KMGivesMoreBitsWhereLlamaCppDoes) {
  const auto types = llama(16).choose("Q4_K_M", kLlama16);
  EXPECT_EQ(types.at("token_embd.weight"), DType::q4_k);
  EXPECT_EQ(types.at("output.weight"), DType::q6_k);
  EXPECT_EQ(types.at("output_norm.weight"), DType::f32);
  const std::vector<int> more = {0, 1, 4, 7, 10, 13, 14, 15};
  for (int i = 0; i < 16; ++i) {
    const DType want = std::find(more.begin(), more.end(), i) != more.end() ? DType::q6_k : DType::q4_k;
    EXPECT_EQ(types.at(blk(i, "attn_v.weight")), want) << i;
    EXPECT_EQ(types.at(blk(i, "ffn_down.weight")), want) << i;
    EXPECT_EQ(types.at(blk(i, "attn_q.weight")), DType::q4_k) << i;
    EXPECT_EQ(types.at(blk(i, "attn_norm.weight")), DType::f32) << i;
  }
}

TEST(Recipe, TheEmbeddingIsTheOutputWhereThereIsNoOther) {
  RecipeModel tied = kLlama16;
  tied.has_output = false;
  EXPECT_EQ(llama(16).choose("Q4_K_M", tied).at("token_embd.weight"), DType::q6_k);
  EXPECT_EQ(llama(16).choose("Q8_0", tied).at("token_embd.weight"), DType::q8_0);
}

TEST(Recipe, Iq4XsSparesTheFirstLayersAndSharedValues) {
  const auto types = llama(16).choose("IQ4_XS", kLlama16);
  EXPECT_EQ(types.at(blk(3, "attn_v.weight")), DType::q5_k);
  EXPECT_EQ(types.at(blk(1, "ffn_down.weight")), DType::q5_k);
  EXPECT_EQ(types.at(blk(2, "ffn_down.weight")), DType::iq4_xs);
  RecipeModel known = kLlama16;
  known.has_importance = true;
  EXPECT_EQ(llama(16).choose("IQ4_XS", known).at(blk(1, "ffn_down.weight")), DType::iq4_xs);
}

TEST(Recipe, RowsThatAreNoWholeBlocksGetSmallerBlocks) {
  const auto types = llama(16, 288, 288 * 2).choose("Q4_K_M", kLlama16);
  EXPECT_EQ(types.at(blk(0, "attn_q.weight")), DType::q5_0);
  EXPECT_EQ(types.at(blk(0, "attn_v.weight")), DType::q8_0);
  EXPECT_EQ(types.at("output.weight"), DType::q8_0);
  EXPECT_EQ(llama(16, 288, 288 * 2).choose("IQ4_XS", kLlama16).at(blk(2, "attn_q.weight")), DType::iq4_nl);
  EXPECT_EQ(llama(16, 40, 80).choose("Q4_K_M", kLlama16).at(blk(0, "attn_q.weight")), DType::f16);
}

TEST(Recipe, ExpertsGetMxfp4AndAllElseQ80) {
  Tensors all = llama(1);
  all.add("blk.0.ffn_gate_inp.weight", {8, 2048});
  all.add("blk.0.ffn_up_exps.weight", {8, 4096, 2048});
  RecipeModel experts{.n_layers = 1, .n_experts = 8, .heads_per_kv = 4};
  const auto types = all.choose("MXFP4", experts);
  EXPECT_EQ(types.at("blk.0.ffn_up_exps.weight"), DType::mxfp4);
  EXPECT_EQ(types.at("blk.0.attn_q.weight"), DType::q8_0);
  EXPECT_EQ(types.at("blk.0.ffn_gate_inp.weight"), DType::f32);
  EXPECT_EQ(llama(1).choose("MXFP4", {.n_layers = 1}).at("blk.0.attn_q.weight"), DType::mxfp4);
}

TEST(Recipe, LeavesPositionsRoutersAndVectorsAlone) {
  Tensors all;
  all.add("position_embd.weight", {1024, 256});
  all.add("blk.0.attn_q.bias", {256});
  all.add("blk.0.attn_q_norm.weight", {8, 32});
  for (const Recipe& recipe : recipes()) {
    for (const auto& [name, type] : all.choose(recipe.name, {.n_layers = 1})) {
      EXPECT_EQ(type, DType::f32) << recipe.name << ' ' << name;
    }
  }
}

TEST(FindRecipe, TakesLettersOfEitherCase) {
  ASSERT_NE(find_recipe("q4_k_m"), nullptr);
  EXPECT_EQ(find_recipe("q4_k_m")->file_type, 15u);
  EXPECT_EQ(find_recipe("Q4_K"), nullptr);
  EXPECT_EQ(find_recipe(""), nullptr);
}

}  // namespace
}  // namespace llorch
