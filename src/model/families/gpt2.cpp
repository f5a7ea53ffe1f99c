// GPT-2: learned positions, LayerNorm, GELU, and in Hugging Face directories matrices of [in, out].
#include <algorithm>

#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfKeys[] = {
    {"context_length", "n_positions"},  {"embedding_length", "n_embd"},     {"block_count", "n_layer"},
    {"attention.head_count", "n_head"}, {"feed_forward_length", "n_inner"},
};
constexpr NamePair kHfTensors[] = {
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"attn_norm", "ln_1"},
    {"attn_qkv", "attn.c_attn"},
    {"attn_output", "attn.c_proj"},
    {"ffn_norm", "ln_2"},
    {"ffn_up", "mlp.c_fc"},
    {"ffn_down", "mlp.c_proj"},
};
constexpr std::string_view kTransposed[] = {"attn_qkv.weight", "attn_output.weight", "ffn_up.weight",
                                            "ffn_down.weight"};
constexpr std::string_view kHfClasses[] = {"GPT2LMHeadModel"};

Result<ModelSpec> gpt2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec,
            read_common(source, RopeKind::none, NormKind::layer, {.ff_per_dim = source.is_hf() ? 4 : 0}));
  default_act(source, spec, Act::gelu_tanh);
  spec.learned_positions = true;
  for_layers(spec, [](LayerSpec& layer) { layer.gated = false; });
  return spec;
}

Built build_gpt2(const FoundTensor& found) {
  const bool is_transposed =
      std::find(std::begin(kTransposed), std::end(kTransposed), found.name) != std::end(kTransposed);
  if (!found.source.is_hf() || !is_transposed) {
    return std::optional<Tensor>();
  }
  LL_TRY(expect_shape(found.tensor, {found.decl.shape[1], found.decl.shape[0]}));
  return some(transposed(found.arena, found.tensor));
}

}  // namespace

const Family kGpt2{.names = {.architecture = "gpt2",
                             .hf_keys = kHfKeys,
                             .hf_tensors = kHfTensors,
                             .hf_layers = "transformer.h.",
                             .hf_optional = "transformer."},
                   .hf_classes = kHfClasses,
                   .spec = gpt2_spec,
                   .build = build_gpt2};

}  // namespace llorch
