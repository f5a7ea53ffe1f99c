// StableLM 2 and StableLM-Epoch: LayerNorm, part of a head turns; the 12B norms heads and runs attention and
// feed-forward side by side.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfTensors[] = {
    {"attn_q_norm.weight", "self_attn.q_layernorm.norms.#.weight"},
    {"attn_k_norm.weight", "self_attn.k_layernorm.norms.#.weight"},
};
constexpr std::string_view kHfClasses[] = {"StableLmForCausalLM"};

Result<ModelSpec> stablelm_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half, NormKind::layer));
  const bool head_norms = source.has("blk.0.attn_q_norm.weight");
  // Files say use_parallel_residual whatever they do: what counts is whether there is a second norm.
  const bool parallel = !source.has("blk.0.ffn_norm.weight");
  for_layers(spec, [=](LayerSpec& layer) {
    layer.qk_norm = head_norms ? QkNorm::own_head : QkNorm::none;
    layer.residual = parallel ? Residual::parallel_one_norm : Residual::sequential;
  });
  return spec;
}

Status add_stablelm_keys(const ModelSource& /*source*/, const ModelSpec& spec, GgufHeader& header) {
  header.boolean("stablelm.use_parallel_residual", spec.layers.front().residual != Residual::sequential);
  return {};
}

}  // namespace

const Family kStableLm{.names = {.architecture = "stablelm", .hf_tensors = kHfTensors},
                       .hf_classes = kHfClasses,
                       .spec = stablelm_spec,
                       .gguf = {.add_keys = add_stablelm_keys}};

}  // namespace llorch
