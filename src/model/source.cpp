// The tables of names that most Hugging Face directories share, and the look-up in them.
#include "model/source.h"

#include <array>
#include <utility>

#include "base/format.h"

namespace llorch {
namespace {

/// config.json's spelling of canonical keys; several rows of one key are tried in order.
constexpr std::array kHfKeys = {
    NamePair{"context_length", "max_position_embeddings"},
    NamePair{"embedding_length", "hidden_size"},
    NamePair{"block_count", "num_hidden_layers"},
    NamePair{"feed_forward_length", "intermediate_size"},
    NamePair{"attention.head_count", "num_attention_heads"},
    NamePair{"attention.head_count_kv", "num_key_value_heads"},
    NamePair{"attention.key_length", "head_dim"},
    NamePair{"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    NamePair{"attention.layer_norm_epsilon", "layer_norm_epsilon"},
    NamePair{"attention.layer_norm_epsilon", "layer_norm_eps"},
    NamePair{"attention.layer_norm_epsilon", "norm_epsilon"},
    NamePair{"attention.sliding_window", "sliding_window"},
    NamePair{"vocab_size", "vocab_size"},
    NamePair{"rope.freq_base", "rope_theta"},
    NamePair{"rope.freq_base", "rotary_emb_base"},
    NamePair{"rope.freq_base", "rope_parameters.rope_theta"},
    NamePair{"rope.freq_base", "rope_parameters.full_attention.rope_theta"},
    NamePair{"rope.freq_base_swa", "rope_local_base_freq"},
    NamePair{"rope.freq_base_swa", "rope_parameters.sliding_attention.rope_theta"},
    NamePair{"rope.partial", "partial_rotary_factor"},
    NamePair{"rope.partial", "rope_parameters.partial_rotary_factor"},
    NamePair{"rope.partial", "rotary_pct"},
    NamePair{"rope.partial", "rope_pct"},
    NamePair{"rope.scaling.original_context_length", "original_max_position_embeddings"},
    NamePair{"hidden_act", "hidden_act"},
    NamePair{"hidden_act", "hidden_activation"},
    NamePair{"hidden_act", "activation_function"},
    NamePair{"expert_used_count", "num_experts_per_tok"},
};

/// What lies under "rope_scaling.", or in newer files under "rope_parameters." (and there for the layers that see all).
constexpr std::array kHfScaling = {
    NamePair{"rope.scaling.type", "rope_type"},
    NamePair{"rope.scaling.type", "type"},
    NamePair{"rope.scaling.factor", "factor"},
    NamePair{"rope.scaling.low_freq_factor", "low_freq_factor"},
    NamePair{"rope.scaling.high_freq_factor", "high_freq_factor"},
    NamePair{"rope.scaling.original_context_length", "original_max_position_embeddings"},
    NamePair{"rope.scaling.attn_factor", "attention_factor"},
    NamePair{"rope.scaling.yarn_beta_fast", "beta_fast"},
    NamePair{"rope.scaling.yarn_beta_slow", "beta_slow"},
    NamePair{"rope.scaling.truncate", "truncate"},
    NamePair{"rope.scaling.mscale", "mscale"},
    NamePair{"rope.scaling.mscale_all_dim", "mscale_all_dim"},
    NamePair{"rope.scaling.short_factor", "short_factor"},
    NamePair{"rope.scaling.long_factor", "long_factor"},
};
constexpr std::string_view kHfScalingPlaces[] = {"rope_scaling.", "rope_parameters.",
                                                 "rope_parameters.full_attention."};

constexpr std::array kHfTensors = {
    NamePair{"token_embd", "model.embed_tokens"},
    NamePair{"output_norm", "model.norm"},
    NamePair{"output", "lm_head"},
    NamePair{"attn_norm", "input_layernorm"},
    NamePair{"attn_q", "self_attn.q_proj"},
    NamePair{"attn_k", "self_attn.k_proj"},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_qkv", "self_attn.qkv_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"attn_q_norm", "self_attn.q_norm"},
    NamePair{"attn_k_norm", "self_attn.k_norm"},
    NamePair{"ffn_norm", "post_attention_layernorm"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
    NamePair{"ffn_gate_inp", "mlp.gate"},
    NamePair{"ffn_gate_exps", "mlp.experts.#.gate_proj"},
    NamePair{"ffn_up_exps", "mlp.experts.#.up_proj"},
    NamePair{"ffn_down_exps", "mlp.experts.#.down_proj"},
};

/// The file's name of a tensor by one row of a table, or empty: "attn_q.bias" by {"attn_q", "c_attn"}: "c_attn.bias".
std::string by_row(const NamePair& row, std::string_view canonical) {
  if (!canonical.starts_with(row.canonical)) {
    return {};
  }
  const std::string_view suffix = canonical.substr(row.canonical.size());
  const bool is_suffix = suffix.empty() || suffix == ".weight" || suffix == ".bias";
  return is_suffix ? std::string(row.in_file).append(suffix) : "";
}

Error out_of_range(const ModelSource& source, std::string_view canonical, const std::string& value, double low,
                   double high) {
  return errorf(ErrorCode::model_file, "{}: {} is {}, must be between {} and {}", source.checkpoint().metadata.source(),
                source.key(canonical), value, low, high);
}

}  // namespace

std::string expert_name(std::string_view name, std::int64_t expert) {
  std::string text(name);
  if (const std::size_t at = text.find('#'); at != std::string::npos) {
    text.replace(at, 1, std::to_string(expert));
  }
  return text;
}

std::string ModelSource::key(std::string_view canonical) const {
  if (!is_hf()) {
    return fmt::format("{}.{}", names_.architecture, canonical);
  }
  std::string first;
  const auto look = [&](std::span<const NamePair> table, std::string_view place) {
    for (const NamePair& pair : table) {
      if (pair.canonical == canonical) {
        std::string name = std::string(place).append(pair.in_file);
        first = first.empty() ? name : first;
        if (metadata().has(name)) {
          first = std::move(name);
          return true;
        }
      }
    }
    return false;
  };
  if (look(names_.hf_keys, "")) {
    return first;
  }
  for (const std::string_view place : kHfScalingPlaces) {
    if (look(kHfScaling, place)) {
      return first;
    }
  }
  look(kHfKeys, "");
  return first.empty() ? std::string(canonical) : first;
}

std::string ModelSource::tensor_name(std::string_view canonical) const {
  std::string_view rest = canonical;
  std::string layer;  // "blk.3." or "model.layers.3."
  if (rest.starts_with("blk.")) {
    const std::size_t dot = rest.find('.', 4);
    layer = std::string(is_hf() ? names_.hf_layers : "blk.").append(rest.substr(4, dot - 3));
    rest.remove_prefix(dot + 1);
  }
  std::string first;
  const auto look = [&](std::span<const NamePair> table) {
    for (const NamePair& row : table) {
      const std::string in_file = by_row(row, rest);
      if (in_file.empty()) {
        continue;
      }
      std::string name = layer + in_file;
      if (checkpoint_->find(expert_name(name, 0)) == nullptr && !names_.hf_optional.empty() &&
          name.starts_with(names_.hf_optional)) {
        std::string shorter = name.substr(names_.hf_optional.size());
        name = checkpoint_->find(shorter) != nullptr ? std::move(shorter) : std::move(name);
      }
      first = first.empty() ? name : first;
      if (checkpoint_->find(expert_name(name, 0)) != nullptr) {
        first = std::move(name);
        return true;
      }
    }
    return false;
  };
  if (!look(is_hf() ? names_.hf_tensors : names_.gguf_tensors) && is_hf() && first.empty()) {
    look(kHfTensors);  // a name of the family's own has no second meaning
  }
  return first.empty() ? layer.append(rest) : first;
}

const Tensor* ModelSource::tensor(std::string_view canonical) const {
  return checkpoint_->find(expert_name(tensor_name(canonical), 0));
}

Result<int> ModelSource::integer(std::string_view canonical, std::int64_t low, std::int64_t high) const {
  LL_ASSIGN(const std::int64_t value, metadata().integer_in(key(canonical), low, high));
  return static_cast<int>(value);
}

Result<int> ModelSource::integer_or(std::string_view canonical, int fallback, std::int64_t low,
                                    std::int64_t high) const {
  return has_key(canonical) ? integer(canonical, low, high) : Result<int>(fallback);
}

Result<double> ModelSource::number(std::string_view canonical, double low, double high) const {
  LL_ASSIGN(const double value, metadata().number(key(canonical)));
  if (!(value >= low && value <= high)) {  // NaN too
    return out_of_range(*this, canonical, fmt::format("{}", value), low, high);
  }
  return value;
}

Result<double> ModelSource::number_or(std::string_view canonical, double fallback, double low, double high) const {
  return has_key(canonical) ? number(canonical, low, high) : Result<double>(fallback);
}

Result<bool> ModelSource::boolean_or(std::string_view canonical, bool fallback) const {
  return metadata().boolean_or(key(canonical), fallback);
}

Result<std::string> ModelSource::string_or(std::string_view canonical, std::string fallback) const {
  return metadata().string_or(key(canonical), std::move(fallback));
}

Error ModelSource::refuse(std::string_view canonical, std::string_view why) const {
  const MetaValue* value = metadata().find(key(canonical));
  return errorf(ErrorCode::model_file, "{}: {} is {}: {}", metadata().source(), key(canonical),
                value == nullptr ? "missing" : to_string(*value), why);
}

}  // namespace llorch
