// OLMo 2 and 3: no norms before attention and feed-forward, but after them; whole rows of q and k are normed.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfTensors[] = {
    {"post_attention_norm", "post_attention_layernorm"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
};
constexpr std::string_view kHfClasses[] = {"Olmo2ForCausalLM"};

Result<ModelSpec> olmo2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half));
  for_layers(spec, [](LayerSpec& layer) {
    layer.qk_norm = QkNorm::row;
    layer.pre_norms = false;
    layer.post_norms = true;
  });
  LL_ASSIGN(const int window, source.integer_or("attention.sliding_window", 0, 0, INT32_MAX));
  if (window > 0) {  // OLMo 3: every fourth layer sees all, and the others have no scaling of the angles
    LL_TRY(read_windows(source, spec, 0, [](int layer) { return layer % 4 != 3; }));
    for_layers(spec, [](LayerSpec& layer) {
      if (layer.window > 0) {
        layer.rope = {.kind = RopeKind::half, .dims = layer.rope.dims, .theta = layer.rope.theta};
      }
    });
  }
  return spec;
}

}  // namespace

const Family kOlmo2{
    .names = {.architecture = "olmo2", .hf_tensors = kHfTensors}, .hf_classes = kHfClasses, .spec = olmo2_spec};

}  // namespace llorch
