// Phi 3, 3.5 and 4-mini: Llama's layer with q, k, v and gate, up fused, and LongRoPE.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfTensors[] = {{"ffn_up", "mlp.gate_up_proj"}};
constexpr std::string_view kHfClasses[] = {"Phi3ForCausalLM"};

Result<ModelSpec> phi3_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half));
  // Published models were trained with the window; 0 and, in config.json, null say that there is none.
  LL_ASSIGN(const int window, source.integer_or("attention.sliding_window", 0, 0, INT32_MAX));
  for_layers(spec, [window](LayerSpec& layer) { layer.window = window; });
  return spec;
}

}  // namespace

const Family kPhi3{
    .names = {.architecture = "phi3", .hf_tensors = kHfTensors}, .hf_classes = kHfClasses, .spec = phi3_spec};

}  // namespace llorch
