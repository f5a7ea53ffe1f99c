// StarCoder2: LayerNorm and biases everywhere, GELU, RoPE.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfTensors[] = {{"ffn_up", "mlp.c_fc"}, {"ffn_down", "mlp.c_proj"}};
constexpr std::string_view kHfClasses[] = {"Starcoder2ForCausalLM"};

Result<ModelSpec> starcoder2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half, NormKind::layer));
  default_act(source, spec, Act::gelu_tanh);
  LL_ASSIGN(const int window, source.integer_or("attention.sliding_window", 0, 0, INT32_MAX));
  for_layers(spec, [window](LayerSpec& layer) {
    layer.gated = false;
    layer.window = window;
  });
  return spec;
}

}  // namespace

const Family kStarcoder2{.names = {.architecture = "starcoder2", .hf_tensors = kHfTensors},
                         .hf_classes = kHfClasses,
                         .spec = starcoder2_spec};

}  // namespace llorch
