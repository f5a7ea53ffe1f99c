// Qwen3: Llama's layer, each head of q and k normed before RoPE over halves.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr std::string_view kHfClasses[] = {"Qwen3ForCausalLM"};

Result<ModelSpec> qwen3_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half));
  for_layers(spec, [](LayerSpec& layer) { layer.qk_norm = QkNorm::head; });
  LL_TRY(read_qwen_windows(source, spec));
  return spec;
}

}  // namespace

const Family kQwen3{.names = {.architecture = "qwen3"}, .hf_classes = kHfClasses, .spec = qwen3_spec};

}  // namespace llorch
