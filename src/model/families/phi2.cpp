// Phi 1, 1.5 and 2: one LayerNorm before attention and feed-forward, which run side by side; GELU; part of a head
// turns.
#include "base/format.h"
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfTensors[] = {
    {"attn_output", "self_attn.dense"},
    {"ffn_up", "mlp.fc1"},
    {"ffn_down", "mlp.fc2"},
    {"output_norm", "model.final_layernorm"},
};
constexpr std::string_view kHfClasses[] = {"PhiForCausalLM"};

Result<ModelSpec> phi2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half, NormKind::layer));
  if (!source.has("output.bias")) {  // optional elsewhere, and nothing else tells that this model has one
    return errorf(ErrorCode::model_file, "{}: tensor {} is missing", source.checkpoint().path,
                  source.tensor_name("output.bias"));
  }
  default_act(source, spec, Act::gelu_tanh);
  for_layers(spec, [](LayerSpec& layer) {
    layer.gated = false;
    layer.residual = Residual::parallel_one_norm;
  });
  return spec;
}

}  // namespace

const Family kPhi2{
    .names = {.architecture = "phi2", .hf_tensors = kHfTensors}, .hf_classes = kHfClasses, .spec = phi2_spec};

}  // namespace llorch
