// Falcon 7B and 40B: LayerNorm, GELU, attention and feed-forward side by side, after one norm or two.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kGgufTensors[] = {
    {"attn_norm", "attn_norm_2"}, {"attn_norm", "attn_norm"}, {"ffn_norm", "attn_norm"}};
constexpr NamePair kHfKeys[] = {{"attention.head_count_kv", "num_kv_heads"},
                                {"hidden_act", "activation"},
                                {"feed_forward_length", "ffn_hidden_size"}};
constexpr NamePair kHfTensors[] = {
    {"token_embd", "transformer.word_embeddings"},
    {"output_norm", "transformer.ln_f"},
    {"attn_norm", "ln_attn"},
    {"attn_norm", "input_layernorm"},
    {"ffn_norm", "ln_mlp"},
    {"attn_qkv", "self_attention.query_key_value"},
    {"attn_output", "self_attention.dense"},
    {"ffn_up", "mlp.dense_h_to_4h"},
    {"ffn_down", "mlp.dense_4h_to_h"},
};
constexpr std::string_view kHfClasses[] = {"FalconForCausalLM"};

Result<ModelSpec> falcon_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half, NormKind::layer,
                                        {.ff_per_dim = 4, .context = source.is_hf() ? 2048 : 0}));
  default_act(source, spec, source.is_hf() ? Act::gelu_erf : Act::gelu_tanh);
  LL_ASSIGN(const std::string layout, source.string_or("tensor_data_layout", "jploski"));
  if (layout != "jploski") {
    return source.refuse("tensor_data_layout", "known is jploski");
  }
  bool one_kv_head = false;
  if (source.is_hf()) {
    const Metadata& m = source.metadata();
    LL_ASSIGN(const bool alibi, m.boolean_or("alibi", false));
    LL_ASSIGN(const bool parallel, m.boolean_or("parallel_attn", true));
    if (alibi || !parallel) {
      return source.refuse(alibi ? "alibi" : "parallel_attn", "such Falcon models are not supported");
    }
    LL_ASSIGN(const bool is_new, m.boolean_or("new_decoder_architecture", false));
    LL_ASSIGN(const bool multi_query, m.boolean_or("multi_query", true));
    one_kv_head = !is_new && multi_query;
  }
  const bool two_norms = source.has(source.is_hf() ? "blk.0.ffn_norm.weight" : "blk.0.attn_norm_2.weight");
  for_layers(spec, [=](LayerSpec& layer) {
    layer.gated = false;
    layer.n_kv_heads = one_kv_head ? 1 : layer.n_kv_heads;
    layer.residual = two_norms ? Residual::parallel_two_norms : Residual::parallel_one_norm;
  });
  return spec;
}

/// config.json's rows are, for each KV head, its q heads, its k and its v; ours all q, all k, all v.
Built build_falcon(const FoundTensor& found) {
  if (!found.source.is_hf() || !found.name.starts_with("attn_qkv.")) {
    return std::optional<Tensor>();
  }
  const std::vector<std::int64_t>& shape = found.decl.shape;
  LL_TRY(expect_shape(found.tensor, shape));
  const std::int64_t cols = shape.size() > 1 ? shape[1] : 1;
  const LayerSpec& layer = found.spec.layers.front();
  const std::int64_t groups = layer.n_kv_heads;
  const std::int64_t per_group = layer.n_heads / groups;
  const std::int64_t dim = layer.head_dim;
  return some(gathered(found.arena, found.tensor, shape, [=](std::int64_t i) {
    const std::int64_t head = i / cols / dim;  // q heads, then k heads, then v heads
    const std::int64_t n_q = groups * per_group;
    const std::int64_t group = head < n_q ? head / per_group : (head - n_q) % groups;
    const std::int64_t place = head < n_q ? head % per_group : per_group + (head - n_q) / groups;
    return ((group * (per_group + 2) + place) * dim + i / cols % dim) * cols + i % cols;
  }));
}

Status add_falcon_keys(const ModelSource& /*source*/, const ModelSpec& /*spec*/, GgufHeader& header) {
  header.text("falcon.tensor_data_layout", "jploski");
  return {};
}

/// The norm that attention reads is attn_norm_2 where the feed-forward has one of its own, which is attn_norm then.
std::string_view falcon_tensor(const ModelSource& source, std::string_view canonical) {
  constexpr std::string_view kAttn = "attn_norm.";
  constexpr std::string_view kFfn = "ffn_norm.";
  const bool two_norms = source.has("blk.0.ffn_norm.weight");
  if (two_norms && canonical.starts_with(kAttn)) {
    return canonical.ends_with(".bias") ? "attn_norm_2.bias" : "attn_norm_2.weight";
  }
  if (canonical.starts_with(kFfn)) {
    return canonical.ends_with(".bias") ? "attn_norm.bias" : "attn_norm.weight";
  }
  return canonical;
}

}  // namespace

const Family kFalcon{.names = {.architecture = "falcon",
                               .gguf_tensors = kGgufTensors,
                               .hf_keys = kHfKeys,
                               .hf_tensors = kHfTensors,
                               .hf_layers = "transformer.h.",
                               .hf_optional = "transformer."},
                     .hf_classes = kHfClasses,
                     .spec = falcon_spec,
                     .build = build_falcon,
                     .gguf = {.lighter_mix = true, .add_keys = add_falcon_keys, .tensor_name = falcon_tensor}};

}  // namespace llorch
