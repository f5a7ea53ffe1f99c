// GPT-NeoX and Pythia: LayerNorm, GELU, part of a head turns; attention and feed-forward side by side, or not.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfTensors[] = {
    {"token_embd", "gpt_neox.embed_in"},
    {"output_norm", "gpt_neox.final_layer_norm"},
    {"output", "embed_out"},
    {"attn_qkv", "attention.query_key_value"},
    {"attn_output", "attention.dense"},
    {"ffn_up", "mlp.dense_h_to_4h"},
    {"ffn_down", "mlp.dense_4h_to_h"},
};
constexpr std::string_view kHfClasses[] = {"GPTNeoXForCausalLM"};

Result<ModelSpec> gptneox_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half, NormKind::layer));
  default_act(source, spec, source.is_hf() ? Act::gelu_erf : Act::gelu_tanh);
  if (spec.layers.front().n_kv_heads != spec.layers.front().n_heads) {
    return source.refuse("attention.head_count_kv", "this architecture has as many as heads");
  }
  LL_ASSIGN(const bool parallel, source.boolean_or("use_parallel_residual", true));
  for_layers(spec, [parallel](LayerSpec& layer) {
    layer.gated = false;
    layer.residual = parallel ? Residual::parallel_two_norms : Residual::sequential;
  });
  return spec;
}

/// config.json's rows of q, k and v are [head, 3, head_dim], ours [3, head, head_dim].
Built build_gptneox(const FoundTensor& found) {
  if (!found.source.is_hf() || !found.name.starts_with("attn_qkv.")) {
    return std::optional<Tensor>();
  }
  const std::vector<std::int64_t>& shape = found.decl.shape;
  LL_TRY(expect_shape(found.tensor, shape));
  const std::int64_t cols = shape.size() > 1 ? shape[1] : 1;
  const std::int64_t heads = found.spec.layers.front().n_heads;
  const std::int64_t dim = found.spec.layers.front().head_dim;
  return some(gathered(found.arena, found.tensor, shape, [=](std::int64_t i) {
    const std::int64_t row = i / cols;
    const std::int64_t head = row / dim % heads;
    return ((head * 3 + row / (heads * dim)) * dim + row % dim) * cols + i % cols;
  }));
}

Status add_gptneox_keys(const ModelSource& /*source*/, const ModelSpec& spec, GgufHeader& header) {
  header.boolean("gptneox.use_parallel_residual", spec.layers.front().residual != Residual::sequential);
  return {};
}

}  // namespace

const Family kGptNeox{.names = {.architecture = "gptneox", .hf_tensors = kHfTensors, .hf_layers = "gpt_neox.layers."},
                      .hf_classes = kHfClasses,
                      .spec = gptneox_spec,
                      .build = build_gptneox,
                      .gguf = {.add_keys = add_gptneox_keys}};

}  // namespace llorch
