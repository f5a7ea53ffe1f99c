#include "model/strays.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "base/format.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

/// Read with the metadata, or computed by whoever needs them: angles, masks.
constexpr std::string_view kBuffers[] = {
    "rope_freqs.weight",         "rope_factors_long.weight",
    "rope_factors_short.weight", "attn_rot_embd.weight",
    "attn_kv_b.weight",  // the older form, beside attn_k_b and attn_v_b
    "rotary_emb.inv_freq",       "attn.bias",
    "attn.masked_bias",          "attention.bias",
    "attention.masked_bias",     "position_ids",
};

bool is_buffer(const std::string& name) {
  return std::any_of(std::begin(kBuffers), std::end(kBuffers), [&name](std::string_view buffer) {
    return name == buffer ||
           (name.size() > buffer.size() && name.ends_with(buffer) && name[name.size() - buffer.size() - 1] == '.');
  });
}

/// Layers behind the model's own that predict further tokens (DeepSeek V3).
bool is_further_prediction(const ModelSource& source, const Plan& plan, std::string_view name) {
  constexpr std::string_view kLayers = "model.layers.";
  const auto n = source.metadata().integer_or("num_nextn_predict_layers", 0);
  std::size_t layer = 0;
  return source.is_hf() && n.ok() && *n > 0 && name.starts_with(kLayers) &&
         std::from_chars(name.data() + kLayers.size(), name.data() + name.size(), layer).ec == std::errc() &&
         layer >= plan.spec.layers.size();
}

Status check_unused(const ModelSource& source, const Plan& plan, const std::set<std::string>& used) {
  for (const auto& [name, tensor] : source.checkpoint().tensors) {
    if (!used.contains(name) && !is_buffer(name) && !is_further_prediction(source, plan, name)) {
      return errorf(ErrorCode::model_file, "{}: tensor {} is no part of a model of this architecture with {} layers",
                    tensor.file, printable(name), plan.spec.layers.size());
    }
  }
  return {};
}

/// "attn_q" of "blk.3.attn_q.bias"; the last norm counts with the layers' first ones.
std::string_view kind_of(std::string_view name) {
  name.remove_suffix(name.size() - name.rfind('.'));
  if (name.starts_with("blk.")) {
    return name.substr(name.find('.', 4) + 1);
  }
  return name == "output_norm" ? "attn_norm" : name;
}

Status check_biases(const ModelSource& source, const Plan& plan) {
  std::map<std::string_view, std::string> with_bias;  // kind -> a bias that is there
  std::vector<std::string> without;
  for (const WeightDecl& decl : plan.weights) {
    if (!decl.name.ends_with(".weight")) {
      continue;
    }
    std::string bias = decl.name.substr(0, decl.name.rfind('.')) + ".bias";
    if (source.has(bias)) {
      with_bias.emplace(kind_of(decl.name), std::move(bias));
    } else {
      without.push_back(decl.name);
    }
  }
  for (const std::string& name : without) {
    if (const auto found = with_bias.find(kind_of(name)); found != with_bias.end()) {
      const std::string bias = name.substr(0, name.rfind('.')) + ".bias";
      return errorf(ErrorCode::model_file, "{}: tensor {} is missing, though {} is there", source.checkpoint().path,
                    source.tensor_name(bias), source.tensor_name(found->second));
    }
  }
  return {};
}

}  // namespace

Status check_strays(const ModelSource& source, const Plan& plan, const std::set<std::string>& used) {
  LL_TRY(check_unused(source, plan, used));
  return check_biases(source, plan);
}

}  // namespace llorch
