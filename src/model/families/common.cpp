#include "model/families/common.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/format.h"
#include "model/rope.h"

namespace llorch {
namespace {

constexpr int kMaxDim = 1 << 20;
constexpr int kMaxLayers = 4096;
constexpr int kMaxHeads = 1 << 16;

/// Rows of the embedding, unless a key says it: GGUF files need not have one.
Result<int> read_vocab(const ModelSource& source) {
  const Tensor* table = source.tensor("token_embd.weight");
  if (table == nullptr || table->shape.size() != 2) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is missing or not a matrix", source.checkpoint().path,
                  source.tensor_name("token_embd.weight"));
  }
  const std::int64_t rows = table->shape[0];
  LL_ASSIGN(const int vocab,
            source.integer_or("vocab_size", static_cast<int>(std::min<std::int64_t>(rows, INT32_MAX)), 1, INT32_MAX));
  if (vocab != rows) {
    return errorf(ErrorCode::model_file, "{}: {} is {}, but tensor {} has {} rows",
                  source.checkpoint().metadata.source(), source.key("vocab_size"), vocab, table->name, rows);
  }
  return vocab;
}

/// The activation that config.json names; a GGUF's follows from its architecture.
Status read_activation(const ModelSource& source, LayerSpec& layer) {
  if (!source.is_hf() || !source.has_key("hidden_act")) {
    return {};
  }
  LL_ASSIGN(const std::string name, source.string_or("hidden_act", ""));
  if (name == "silu" || name == "swish") {
    layer.act = Act::silu;
  } else if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") {
    layer.act = Act::gelu_tanh;
  } else if (name == "gelu") {
    layer.act = Act::gelu_erf;
  } else {
    return source.refuse("hidden_act", "known are silu, gelu, gelu_new, gelu_fast and gelu_pytorch_tanh");
  }
  return {};
}

/// Channels of a head that rotate.
Result<int> read_rope_dims(const ModelSource& source, int head_dim) {
  if (source.is_hf() && source.has_key("rope.partial")) {
    LL_ASSIGN(const double share, source.number("rope.partial", 0, 1));
    return static_cast<int>(head_dim * share);
  }
  return source.integer_or("rope.dimension_count", head_dim, 1, kMaxDim);
}

Status read_heads(const ModelSource& source, int dim, LayerSpec& layer) {
  LL_ASSIGN(layer.n_heads, source.integer("attention.head_count", 1, kMaxHeads));
  LL_ASSIGN(layer.n_kv_heads, source.integer_or("attention.head_count_kv", layer.n_heads, 1, kMaxHeads));
  LL_ASSIGN(layer.head_dim, source.integer_or("attention.key_length", dim / layer.n_heads, 1, kMaxDim));
  LL_ASSIGN(const int value_length, source.integer_or("attention.value_length", layer.head_dim, 1, kMaxDim));
  if (!source.has_key("attention.key_length") && dim % layer.n_heads != 0) {
    return errorf(ErrorCode::model_file, "{}: {} {} is not a multiple of {} {}", source.metadata().source(),
                  source.key("embedding_length"), dim, source.key("attention.head_count"), layer.n_heads);
  }
  if (value_length != layer.head_dim) {
    return errorf(ErrorCode::model_file, "{}: {} {} differs from the key length {}", source.metadata().source(),
                  source.key("attention.value_length"), value_length, layer.head_dim);
  }
  layer.attn_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(layer.head_dim)));
  return {};
}

}  // namespace

Result<ModelSpec> read_sizes(const ModelSource& source, NormKind norm, const SizeDefaults& defaults) {
  ModelSpec spec;
  spec.architecture = source.architecture();
  spec.norm = norm;
  LL_ASSIGN(spec.dim, source.integer("embedding_length", 1, kMaxDim));
  LL_ASSIGN(spec.vocab, read_vocab(source));
  LL_ASSIGN(spec.max_context, defaults.context > 0 ? source.integer_or("context_length", defaults.context, 1, INT32_MAX)
                                                   : source.integer("context_length", 1, INT32_MAX));
  const bool rms = norm == NormKind::rms;
  LL_ASSIGN(const double eps,
            source.number(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", 1e-12, 1.0));
  spec.norm_eps = static_cast<float>(eps);
  LayerSpec layer;
  LL_TRY(read_activation(source, layer));
  LL_ASSIGN(layer.ff_dim, defaults.ff_per_dim > 0
                              ? source.integer_or("feed_forward_length", defaults.ff_per_dim * spec.dim, 1, kMaxDim)
                              : source.integer("feed_forward_length", 1, kMaxDim));
  LL_ASSIGN(const int n_layers, source.integer("block_count", 1, kMaxLayers));
  spec.layers.assign(static_cast<std::size_t>(n_layers), layer);
  return spec;
}

Result<ModelSpec> read_common(const ModelSource& source, RopeKind rope_kind, NormKind norm,
                              const SizeDefaults& defaults) {
  LL_ASSIGN(ModelSpec spec, read_sizes(source, norm, defaults));
  LayerSpec layer = spec.layers.front();
  LL_TRY(read_heads(source, spec.dim, layer));
  if (rope_kind != RopeKind::none) {
    LL_ASSIGN(const int rope_dims, read_rope_dims(source, layer.head_dim));
    if (rope_dims > layer.head_dim) {
      return errorf(ErrorCode::model_file, "{}: {} {} is above the head size {}", source.metadata().source(),
                    source.key("rope.dimension_count"), rope_dims, layer.head_dim);
    }
    LL_ASSIGN(layer.rope, read_rope(source, rope_kind, rope_dims));
  }
  spec.layers.assign(spec.layers.size(), layer);
  return spec;
}

void default_act(const ModelSource& source, ModelSpec& spec, Act act) {
  if (!source.is_hf() || !source.has_key("hidden_act")) {
    for_layers(spec, [act](LayerSpec& layer) { layer.act = act; });
  }
}

Status read_moe(const ModelSource& source, ModelSpec& spec) {
  LL_ASSIGN(const int n,
            source.integer_or("expert_count", 0, source.has("blk.0.ffn_gate_inp.weight") ? 1 : 0, kMaxHeads));
  if (n == 0) {
    return {};
  }
  Moe moe{.n_experts = n, .norm_chosen = true};
  LL_ASSIGN(moe.n_used, source.integer("expert_used_count", 1, n));
  LL_ASSIGN(moe.ff_dim, source.integer_or("expert_feed_forward_length", spec.layers.front().ff_dim, 1, kMaxDim));
  for_layers(spec, [&](LayerSpec& layer) { layer.moe = moe; });
  return {};
}

Status read_windows(const ModelSource& source, ModelSpec& spec, int fallback,
                    const std::function<bool(int layer)>& is_windowed) {
  const auto n = static_cast<int>(spec.layers.size());
  std::vector<bool> windowed(spec.layers.size());
  for (int i = 0; i < n; ++i) {
    windowed[static_cast<std::size_t>(i)] = is_windowed(i);
  }
  if (source.is_hf() && source.metadata().has("layer_types")) {
    LL_ASSIGN(const auto types, source.metadata().strings("layer_types"));
    if (types.size() != spec.layers.size()) {
      return source.refuse("layer_types", fmt::format("{} types are needed", n));
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (types[i] != "sliding_attention" && types[i] != "full_attention") {
        return source.refuse("layer_types", "known are sliding_attention and full_attention");
      }
      windowed[i] = types[i] == "sliding_attention";
    }
  }
  if (std::none_of(windowed.begin(), windowed.end(), [](bool w) { return w; })) {
    return {};
  }
  const Result<int> window = fallback > 0 ? source.integer_or("attention.sliding_window", fallback, 1, INT32_MAX)
                                          : source.integer("attention.sliding_window", 1, INT32_MAX);
  if (!window.ok()) {
    return window.error();
  }
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    spec.layers[i].window = windowed[i] ? *window : 0;
  }
  return {};
}

Status read_qwen_windows(const ModelSource& source, ModelSpec& spec) {
  LL_ASSIGN(const bool windowed, source.metadata().boolean_or("use_sliding_window", false));
  if (!source.is_hf() || !windowed || source.metadata().is_null("sliding_window")) {
    return {};
  }
  constexpr int kWindow = 4096;
  LL_ASSIGN(const auto first, source.metadata().integer_or("max_window_layers", 28));
  return read_windows(source, spec, kWindow, [first](int layer) { return layer >= first; });
}

void for_layers(ModelSpec& spec, const std::function<void(LayerSpec&)>& change) {
  std::for_each(spec.layers.begin(), spec.layers.end(), change);
}

Result<float> read_scale(const ModelSource& source, std::string_view key, double fallback) {
  LL_ASSIGN(const double value, source.number_or(key, fallback, 1e-6, 1e6));
  return static_cast<float>(value);
}

}  // namespace llorch
