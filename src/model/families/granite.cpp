// Granite 3: Llama's layer with a scale at the embedding, in attention, at each residual and at the logits.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfKeys[] = {
    {"attention.scale", "attention_multiplier"},
    {"embedding_scale", "embedding_multiplier"},
    {"residual_scale", "residual_multiplier"},
    {"logit_scale", "logits_scaling"},
};
constexpr std::string_view kHfClasses[] = {"GraniteForCausalLM"};

Result<ModelSpec> granite_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, source.is_hf() ? RopeKind::half : RopeKind::adjacent));
  LL_ASSIGN(const float attn_scale,
            read_scale(source, "attention.scale", static_cast<double>(spec.layers.front().attn_scale)));
  for_layers(spec, [attn_scale](LayerSpec& layer) { layer.attn_scale = attn_scale; });
  LL_ASSIGN(spec.embed_scale, read_scale(source, "embedding_scale", 1));
  LL_ASSIGN(spec.residual_scale, read_scale(source, "residual_scale", 1));
  LL_ASSIGN(const float divisor, read_scale(source, "logit_scale", 1));
  spec.logit_scale = 1 / divisor;
  return spec;
}

Status add_granite_keys(const ModelSource& /*source*/, const ModelSpec& spec, GgufHeader& header) {
  header.f32("granite.attention.scale", spec.layers.front().attn_scale);
  header.f32("granite.embedding_scale", spec.embed_scale);
  header.f32("granite.residual_scale", spec.residual_scale);
  header.f32("granite.logit_scale", 1 / spec.logit_scale);
  return {};
}

}  // namespace

const Family kGranite{.names = {.architecture = "granite", .hf_keys = kHfKeys},
                      .hf_classes = kHfClasses,
                      .spec = granite_spec,
                      .gguf = {.adjacent_rows = true, .add_keys = add_granite_keys}};

}  // namespace llorch
