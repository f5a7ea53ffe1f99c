// Command R and R+: LayerNorm without bias, attention and feed-forward side by side, adjacent pairs in both containers.
#include "model/families/cohere.h"
#include "model/families/list.h"

namespace llorch {

Result<ModelSpec> read_cohere(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::adjacent, NormKind::layer));
  LL_ASSIGN(spec.logit_scale, read_scale(source, "logit_scale", source.is_hf() ? 0.0625 : 1));
  const bool head_norms = source.has("blk.0.attn_q_norm.weight");
  for_layers(spec, [head_norms](LayerSpec& layer) {
    layer.residual = Residual::parallel_one_norm;
    layer.qk_norm = head_norms ? QkNorm::own_head : QkNorm::none;
  });
  return spec;
}

Status add_cohere_keys(const ModelSource& source, const ModelSpec& spec, GgufHeader& header) {
  header.f32(spec.architecture + ".logit_scale", spec.logit_scale);
  if (!source.has_key("rope.scaling.type")) {
    header.text(spec.architecture + ".rope.scaling.type", "none");  // a model whose angles are not scaled
  }
  return {};
}

namespace {

constexpr std::string_view kHfClasses[] = {"CohereForCausalLM"};

}  // namespace

const Family kCommandR{.names = {.architecture = "command-r"},
                       .hf_classes = kHfClasses,
                       .spec = read_cohere,
                       .gguf = {.add_keys = add_cohere_keys}};

}  // namespace llorch
