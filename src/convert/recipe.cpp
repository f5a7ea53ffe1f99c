#include "convert/recipe.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace llorch {
namespace {

// File types are the numbers of llama.cpp's llama_ftype.
constexpr Recipe kRecipes[] = {
    {"F32", DType::f32, 0, "32-bit floats"},
    {"F16", DType::f16, 1, "16-bit floats"},
    {"BF16", DType::bf16, 32, "16-bit floats with the range of F32"},
    {"Q8_0", DType::q8_0, 7, "8.5 bits: nearly lossless"},
    {"Q6_K", DType::q6_k, 18, "6.6 bits"},
    {"Q5_K_M", DType::q5_k, 17, "5.7 bits: Q5_K, and Q6_K where it matters most"},
    {"Q4_K_M", DType::q4_k, 15, "4.8 bits: Q4_K, and Q6_K where it matters most"},
    {"Q4_0", DType::q4_0, 2, "4.5 bits: the simplest format of 4 bits"},
    {"IQ4_XS", DType::iq4_xs, 30, "4.3 bits: not evenly spaced levels"},
    {"MXFP4", DType::mxfp4, 38,
     "4.25 bits: experts in MXFP4, all else in Q8_0; without experts all but embedding and output"},
};

enum class Role { plain, output, embedding, attn_v, attn_k, attn_output, ffn_down };

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Role role_of(std::string_view name, const RecipeModel& model) {
  if (name == "output.weight" || (!model.has_output && name == "token_embd.weight")) {
    return Role::output;
  }
  if (name == "token_embd.weight") {
    return Role::embedding;
  }
  constexpr std::pair<std::string_view, Role> kParts[] = {
      {"attn_v.weight", Role::attn_v},           {"attn_k.weight", Role::attn_k},   {"ffn_down", Role::ffn_down},
      {"attn_output.weight", Role::attn_output}, {"attn_qkv.weight", Role::attn_v}, {"attn_kv_b.weight", Role::attn_v},
  };
  for (const auto& [part, role] : kParts) {
    if (contains(name, part)) {
      return role;
    }
  }
  return Role::plain;
}

/// The first and the last eighth of the layers, and every third between.
bool deserves_more_bits(int layer, int n_layers) {
  return layer < n_layers / 8 || layer >= 7 * n_layers / 8 || (layer - n_layers / 8) % 3 == 2;
}

/// The layer of "blk.3.ffn_down.weight"; `fallback` where the name has none.
int layer_of(std::string_view name, int fallback) {
  int layer = fallback;
  if (name.starts_with("blk.")) {
    std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  }
  return layer;
}

/// Chooses tensor by tensor, in the order of the file: some rules count the tensors of a kind.
class Chooser {
 public:
  Chooser(const Recipe& recipe, const RecipeModel& model, std::span<const RecipeTensor> tensors)
      : recipe_(recipe), model_(model) {
    for (const RecipeTensor& tensor : tensors) {
      n_attn_v_ += role_of(tensor.name, model) == Role::attn_v ? 1 : 0;
    }
  }

  DType choose(const RecipeTensor& tensor) {
    const Role role = role_of(tensor.name, model_);
    DType type = recipe_.type;
    if (format_of(type).block_len == 1) {
      return type;
    }
    if (recipe_.type == DType::mxfp4) {
      type = mxfp4(tensor, role);
    } else if (role == Role::output) {
      const bool fits = tensor.shape.back() % format_of(type).block_len == 0;
      type = model_.lighter_mix || !fits ? DType::q8_0 : type == DType::q8_0 ? type : DType::q6_k;
    } else if (role == Role::attn_v) {
      type = attn_v(type);
    } else if (role == Role::attn_k && model_.n_experts == 8) {
      type = DType::q8_0;
    } else if (role == Role::ffn_down) {
      type = ffn_down(type, layer_of(tensor.name, 0));
    } else if (role == Role::attn_output && model_.n_experts == 8 && (type == DType::q4_k || type == DType::iq4_xs)) {
      type = DType::q5_k;
    }
    return fitting(type, tensor.shape.back());
  }

 private:
  DType mxfp4(const RecipeTensor& tensor, Role role) const {
    const bool is_expert = tensor.shape.size() == 3 && contains(tensor.name, "_exps");
    const bool is_table = role == Role::output || role == Role::embedding;
    return is_expert || (model_.n_experts == 0 && !is_table) ? DType::mxfp4 : DType::q8_0;
  }

  DType attn_v(DType type) {
    const int i = i_attn_v_++;
    if (type == DType::iq4_xs && model_.heads_per_kv >= 4) {
      type = DType::q5_k;
    } else if ((type == DType::q4_k || type == DType::q5_k) && deserves_more_bits(i, n_attn_v_)) {
      type = DType::q6_k;
    }
    if (is_70b() && type == DType::q4_k) {  // eight heads share it: a good place for bits
      type = DType::q5_k;
    }
    return model_.n_experts == 8 ? DType::q8_0 : type;
  }

  bool is_70b() const { return model_.n_layers == 80 && model_.heads_per_kv == 8; }

  DType ffn_down(DType type, int layer) const {
    const bool more = deserves_more_bits(layer, model_.n_layers);
    if (type == DType::q4_k && model_.lighter_mix) {
      return layer < model_.n_layers / 16 ? DType::q6_k : more ? DType::q5_k : DType::q4_k;
    }
    if ((type == DType::q4_k || type == DType::q5_k) && more) {
      return DType::q6_k;
    }
    if (type == DType::iq4_xs && !model_.has_importance && layer < model_.n_layers / 8) {
      return DType::q5_k;
    }
    if (type == DType::q4_0 && model_.has_importance && layer < model_.n_layers / 8) {
      return DType::q4_1;
    }
    return type;
  }

  /// A format whose blocks fill rows of `cols`.
  static DType fitting(DType type, std::int64_t cols) {
    if (cols % format_of(type).block_len == 0) {
      return type;
    }
    const DType smaller = type == DType::q4_k     ? DType::q5_0
                          : type == DType::q5_k   ? DType::q5_1
                          : type == DType::q6_k   ? DType::q8_0
                          : type == DType::iq4_xs ? DType::iq4_nl
                                                  : DType::f16;
    return cols % format_of(smaller).block_len == 0 ? smaller : DType::f16;
  }

  const Recipe& recipe_;
  const RecipeModel& model_;
  int n_attn_v_ = 0;
  int i_attn_v_ = 0;
};

}  // namespace

std::span<const Recipe> recipes() {
  return kRecipes;
}

const Recipe* find_recipe(std::string_view name) {
  for (const Recipe& recipe : kRecipes) {
    if (std::equal(name.begin(), name.end(), recipe.name.begin(), recipe.name.end(), [](char a, char b) {
          return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b));
        })) {
      return &recipe;
    }
  }
  return nullptr;
}

bool is_quantised(const RecipeTensor& tensor) {
  return tensor.shape.size() >= 2 && tensor.name.ends_with("weight") && !contains(tensor.name, "_norm.weight") &&
         !contains(tensor.name, "ffn_gate_inp") && tensor.name != "position_embd.weight";
}

std::vector<DType> choose_types(const Recipe& recipe, const RecipeModel& model, std::span<const RecipeTensor> tensors) {
  Chooser chooser(recipe, model, tensors);
  std::vector<DType> types;
  for (const RecipeTensor& tensor : tensors) {
    types.push_back(is_quantised(tensor) ? chooser.choose(tensor) : tensor.type);
  }
  return types;
}

}  // namespace llorch
