// Recipes: which number format each tensor of a model gets under a name like Q4_K_M. The mixes are llama.cpp's, so that
// a file is what its name promises elsewhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "quant/formats.h"

namespace llorch {

struct Recipe {
  std::string_view name;    // as --type takes it
  DType type;               // of most matrices
  std::uint32_t file_type;  // general.file_type
  std::string_view what;    // one line for people
};

std::span<const Recipe> recipes();
/// nullptr when unknown; letters of either case.
const Recipe* find_recipe(std::string_view name);

/// What a recipe has to know of a model.
struct RecipeModel {
  bool lighter_mix = false;  // ffn_down gets fewer bits, the output Q8_0 (GgufForm)
  int n_layers = 0;
  int n_experts = 0;       // 0: no experts
  int heads_per_kv = 1;    // query heads that share one of k and v
  bool has_output = true;  // false: the embedding is the output matrix too
  bool has_importance = false;
};
struct RecipeTensor {
  std::string_view name;
  std::span<const std::int64_t> shape;
  DType type;  // as the source has it
};

/// Matrices only, and of those not the routers and the tables of positions: the others stay floats, as readers of GGUF
/// want them.
bool is_quantised(const RecipeTensor& tensor);

/// The format of each tensor; those that a recipe leaves alone (norms, biases, routers) keep theirs. A matrix whose
/// rows are no whole blocks of its format gets one with smaller blocks, as in llama.cpp.
std::vector<DType> choose_types(const Recipe& recipe, const RecipeModel& model, std::span<const RecipeTensor> tensors);

}  // namespace llorch
