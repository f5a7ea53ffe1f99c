#include "model/source.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/format.h"

namespace llorch {
namespace {

struct Pair {
  std::string_view canonical;
  std::string_view hf;
};

/// config.json's spelling of canonical keys; several rows of one key are tried in order.
constexpr std::array kHfKeys = {
    Pair{"context_length", "max_position_embeddings"},
    Pair{"embedding_length", "hidden_size"},
    Pair{"block_count", "num_hidden_layers"},
    Pair{"feed_forward_length", "intermediate_size"},
    Pair{"attention.head_count", "num_attention_heads"},
    Pair{"attention.head_count_kv", "num_key_value_heads"},
    Pair{"attention.key_length", "head_dim"},
    Pair{"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    Pair{"attention.sliding_window", "sliding_window"},
    Pair{"vocab_size", "vocab_size"},
    Pair{"rope.freq_base", "rope_theta"},
    Pair{"rope.freq_base", "rope_parameters.rope_theta"},
    Pair{"rope.scaling.type", "rope_scaling.rope_type"},
    Pair{"rope.scaling.type", "rope_scaling.type"},
    Pair{"rope.scaling.type", "rope_parameters.rope_type"},
    Pair{"rope.scaling.factor", "rope_scaling.factor"},
    Pair{"rope.scaling.factor", "rope_parameters.factor"},
    Pair{"rope.scaling.low_freq_factor", "rope_scaling.low_freq_factor"},
    Pair{"rope.scaling.low_freq_factor", "rope_parameters.low_freq_factor"},
    Pair{"rope.scaling.high_freq_factor", "rope_scaling.high_freq_factor"},
    Pair{"rope.scaling.high_freq_factor", "rope_parameters.high_freq_factor"},
    Pair{"rope.scaling.original_context_length", "rope_scaling.original_max_position_embeddings"},
    Pair{"rope.scaling.original_context_length", "rope_parameters.original_max_position_embeddings"},
};

constexpr std::array kHfGlobals = {
    Pair{"token_embd", "model.embed_tokens"},
    Pair{"output_norm", "model.norm"},
    Pair{"output", "lm_head"},
};

/// Modules of a layer: "blk.N.<canonical>" is "model.layers.N.<hf>".
constexpr std::array kHfModules = {
    Pair{"attn_norm", "input_layernorm"},    Pair{"attn_q", "self_attn.q_proj"},
    Pair{"attn_k", "self_attn.k_proj"},      Pair{"attn_v", "self_attn.v_proj"},
    Pair{"attn_output", "self_attn.o_proj"}, Pair{"ffn_norm", "post_attention_layernorm"},
    Pair{"ffn_gate", "mlp.gate_proj"},       Pair{"ffn_up", "mlp.up_proj"},
    Pair{"ffn_down", "mlp.down_proj"},
};

template <std::size_t N>
std::string_view translate(const std::array<Pair, N>& table, std::string_view canonical) {
  for (const Pair& pair : table) {
    if (pair.canonical == canonical) {
      return pair.hf;
    }
  }
  return {};
}

Error out_of_range(const ModelSource& source, std::string_view canonical, const std::string& value, double low,
                   double high) {
  return errorf(ErrorCode::model_file, "{}: {} is {}, must be between {} and {}", source.checkpoint().metadata.source(),
                source.key(canonical), value, low, high);
}

}  // namespace

std::string ModelSource::key(std::string_view canonical) const {
  if (!is_hf()) {
    return fmt::format("{}.{}", prefix_, canonical);
  }
  std::string_view first;
  for (const Pair& pair : kHfKeys) {
    if (pair.canonical == canonical) {
      first = first.empty() ? pair.hf : first;
      if (checkpoint_->metadata.has(pair.hf)) {
        return std::string(pair.hf);
      }
    }
  }
  return first.empty() ? std::string(canonical) : std::string(first);
}

std::string ModelSource::tensor_name(std::string_view canonical) const {
  if (!is_hf()) {
    return std::string(canonical);
  }
  const auto dot = canonical.rfind('.');  // ".weight" or ".bias"
  const std::string_view suffix = canonical.substr(dot == std::string_view::npos ? canonical.size() : dot);
  std::string_view module = canonical.substr(0, canonical.size() - suffix.size());
  if (!module.starts_with("blk.")) {
    const std::string_view hf = translate(kHfGlobals, module);
    return fmt::format("{}{}", hf.empty() ? module : hf, suffix);
  }
  module.remove_prefix(4);
  const std::string_view layer = module.substr(0, module.find('.'));
  module.remove_prefix(layer.size() + 1);
  const std::string_view hf = translate(kHfModules, module);
  return fmt::format("model.layers.{}.{}{}", layer, hf.empty() ? module : hf, suffix);
}

Result<int> ModelSource::integer(std::string_view canonical, std::int64_t low, std::int64_t high) const {
  LL_ASSIGN(const std::int64_t value, checkpoint_->metadata.integer_in(key(canonical), low, high));
  return static_cast<int>(value);
}

Result<int> ModelSource::integer_or(std::string_view canonical, int fallback, std::int64_t low,
                                    std::int64_t high) const {
  return has_key(canonical) ? integer(canonical, low, high) : Result<int>(fallback);
}

Result<double> ModelSource::number(std::string_view canonical, double low, double high) const {
  LL_ASSIGN(const double value, checkpoint_->metadata.number(key(canonical)));
  if (!(value >= low && value <= high)) {  // NaN too
    return out_of_range(*this, canonical, fmt::format("{}", value), low, high);
  }
  return value;
}

Result<double> ModelSource::number_or(std::string_view canonical, double fallback, double low, double high) const {
  return has_key(canonical) ? number(canonical, low, high) : Result<double>(fallback);
}

Result<std::string> ModelSource::string_or(std::string_view canonical, std::string fallback) const {
  return checkpoint_->metadata.string_or(key(canonical), std::move(fallback));
}

}  // namespace llorch
