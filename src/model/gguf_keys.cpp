#include "model/gguf_keys.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/format.h"

namespace llorch {
namespace {

/// A header's keys with the architecture before them.
class KeyWriter {
 public:
  KeyWriter(const ModelSpec& spec, GgufHeader& header) : prefix_(spec.architecture + "."), header_(header) {}

  void integer(std::string_view key, std::int64_t value) { header_.u32(name(key), static_cast<std::uint32_t>(value)); }
  void number(std::string_view key, double value) { header_.f32(name(key), static_cast<float>(value)); }
  void text(std::string_view key, std::string_view value) { header_.text(name(key), value); }
  /// A number that counts as `usual` where there is no key.
  void number_unless(std::string_view key, double value, double usual) {
    if (std::abs(value - usual) > 1e-6 * usual) {
      number(key, value);
    }
  }

 private:
  std::string name(std::string_view key) const { return prefix_ + std::string(key); }

  std::string prefix_;
  GgufHeader& header_;
};

/// The layer whose rope the keys tell: the first that turns, of those that see all tokens if there are such.
const LayerSpec* turning_layer(const ModelSpec& spec) {
  const LayerSpec* windowed = nullptr;
  for (const LayerSpec& layer : spec.layers) {
    if (layer.rope.kind != RopeKind::none && layer.window == 0) {
      return &layer;
    }
    if (layer.rope.kind != RopeKind::none && windowed == nullptr) {
      windowed = &layer;
    }
  }
  return windowed;
}

void add_sizes(const ModelSpec& spec, KeyWriter& keys) {
  const LayerSpec& layer = spec.layers.front();
  keys.integer("vocab_size", spec.vocab);
  keys.integer("context_length", spec.max_context);
  keys.integer("embedding_length", spec.dim);
  keys.integer("block_count", static_cast<std::int64_t>(spec.layers.size()));
  keys.integer("feed_forward_length", layer.ff_dim);
  keys.integer("attention.head_count", layer.n_heads);
  keys.integer("attention.head_count_kv", layer.n_kv_heads);
  keys.integer("attention.key_length", layer.head_dim);
  keys.integer("attention.value_length", layer.head_dim);
  keys.number(spec.norm == NormKind::rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
              static_cast<double>(spec.norm_eps));
}

void add_attention(const ModelSpec& spec, KeyWriter& keys) {
  const auto windowed =
      std::find_if(spec.layers.begin(), spec.layers.end(), [](const auto& l) { return l.window > 0; });
  if (windowed != spec.layers.end()) {
    keys.integer("attention.sliding_window", windowed->window);
  }
  if (spec.layers.front().attn_softcap > 0) {
    keys.number("attn_logit_softcapping", static_cast<double>(spec.layers.front().attn_softcap));
  }
  if (spec.final_softcap > 0) {
    keys.number("final_logit_softcapping", static_cast<double>(spec.final_softcap));
  }
}

void add_experts(const ModelSpec& spec, KeyWriter& keys) {
  const Moe& moe = spec.layers.back().moe;  // dense layers come first
  if (moe.n_experts > 0) {
    keys.integer("expert_count", moe.n_experts);
    keys.integer("expert_used_count", moe.n_used);
    keys.integer("expert_feed_forward_length", moe.ff_dim);
  }
}

/// A GGUF's rope.scaling.attn_factor multiplies the usual magnitude, 1 + 0.1 ln(factor).
Status add_yarn(const ModelSource& source, const Rope& rope, KeyWriter& keys) {
  LL_ASSIGN(const double factor, source.number("rope.scaling.factor", 1, 1e6));
  LL_ASSIGN(const int context, source.integer("context_length", 1, INT32_MAX));
  LL_ASSIGN(const int original, source.integer_or("rope.scaling.original_context_length", context, 1, INT32_MAX));
  LL_ASSIGN(const double fast, source.number_or("rope.scaling.yarn_beta_fast", 32, 1e-6, 1e6));
  LL_ASSIGN(const double slow, source.number_or("rope.scaling.yarn_beta_slow", 1, 1e-6, 1e6));
  LL_ASSIGN(const double all, source.number_or("rope.scaling.mscale_all_dim", 0, 0, 1e3));
  keys.text("rope.scaling.type", "yarn");
  keys.number("rope.scaling.factor", factor);
  keys.integer("rope.scaling.original_context_length", original);
  keys.number_unless("rope.scaling.yarn_beta_fast", fast, 32);
  keys.number_unless("rope.scaling.yarn_beta_slow", slow, 1);
  if (all == 0) {
    keys.number_unless("rope.scaling.attn_factor", static_cast<double>(rope.magnitude) / (1 + 0.1 * std::log(factor)),
                       1);
  }
  return {};
}

Result<std::string> scaling_of(const ModelSource& source) {
  Result<std::string> type = source.string_or("rope.scaling.type", "none");
  return type.ok() && *type == "su" ? Result<std::string>("longrope") : type;
}

Status add_rope(const ModelSource& source, const ModelSpec& spec, KeyWriter& keys) {
  const LayerSpec* layer = turning_layer(spec);
  if (layer == nullptr) {
    return {};
  }
  const Rope& rope = layer->rope;
  keys.integer("rope.dimension_count", rope.dims);
  keys.number("rope.freq_base", rope.theta);
  for (const LayerSpec& other : spec.layers) {
    if (other.window > 0 && other.rope.kind != RopeKind::none && other.rope.theta != rope.theta) {
      keys.number("rope.freq_base_swa", other.rope.theta);
    }
  }
  LL_ASSIGN(const std::string type, scaling_of(source));
  if (type == "linear") {
    LL_ASSIGN(const double factor, source.number_or("rope.scaling.factor", 1, 0, 1e6));
    keys.text("rope.scaling.type", "linear");
    keys.number("rope.scaling.factor", factor);
  } else if (type == "yarn") {
    LL_TRY(add_yarn(source, rope, keys));
  } else if (type == "longrope") {
    LL_ASSIGN(const int original,
              source.integer_or("rope.scaling.original_context_length", spec.max_context, 1, INT32_MAX));
    keys.integer("rope.scaling.original_context_length", original);
    keys.number("rope.scaling.attn_factor", static_cast<double>(rope.magnitude));
  }
  return {};
}

Result<RopeTensor> longrope_tensor(const ModelSource& source, const Rope& rope, std::string_view which) {
  const std::string key = fmt::format("rope.scaling.{}_factor", which);
  LL_ASSIGN(const std::vector<double> list, source.metadata().numbers(source.key(key)));
  if (list.size() != static_cast<std::size_t>(rope.dims / 2)) {
    return source.refuse(key, fmt::format("{} factors are needed", rope.dims / 2));
  }
  RopeTensor tensor{fmt::format("rope_factors_{}.weight", which), {}};
  std::transform(list.begin(), list.end(), std::back_inserter(tensor.factors),
                 [](double value) { return static_cast<float>(value); });
  return tensor;
}

}  // namespace

Status add_gguf_keys(const ModelSource& source, const Family& family, const ModelSpec& spec, GgufHeader& header) {
  header.text("general.architecture", spec.architecture);
  KeyWriter keys(spec, header);
  add_sizes(spec, keys);
  add_attention(spec, keys);
  add_experts(spec, keys);
  LL_TRY(add_rope(source, spec, keys));
  return family.gguf.add_keys == nullptr ? Status() : family.gguf.add_keys(source, spec, header);
}

Result<std::vector<RopeTensor>> gguf_rope_tensors(const ModelSource& source, const ModelSpec& spec) {
  std::vector<RopeTensor> tensors;
  const LayerSpec* layer = turning_layer(spec);
  LL_ASSIGN(const std::string type, scaling_of(source));
  if (layer != nullptr && type == "llama3") {
    tensors.push_back({"rope_freqs.weight", layer->rope.factors});
  } else if (layer != nullptr && type == "longrope") {
    for (const std::string_view which : {"long", "short"}) {
      LL_ASSIGN(RopeTensor tensor, longrope_tensor(source, layer->rope, which));
      tensors.push_back(std::move(tensor));
    }
  }
  return tensors;
}

std::string gguf_tensor_name(const ModelSource& source, const Family& family, std::string_view canonical) {
  std::string layer;  // "blk.3."
  if (canonical.starts_with("blk.")) {
    const std::size_t length = canonical.find('.', 4) + 1;
    layer = canonical.substr(0, length);
    canonical.remove_prefix(length);
  }
  if (family.gguf.tensor_name != nullptr) {
    return layer.append(family.gguf.tensor_name(source, canonical));
  }
  const std::size_t dot = canonical.rfind('.');
  for (const NamePair& pair : family.names.gguf_tensors) {
    if (pair.canonical == canonical.substr(0, dot)) {
      return layer.append(pair.in_file).append(canonical.substr(dot));
    }
  }
  return layer.append(canonical);
}

}  // namespace llorch
