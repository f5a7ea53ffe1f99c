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

/// Readers ask for both keys, whether the model has a window and LongRoPE or not.
Status add_phi3_keys(const ModelSource& source, const ModelSpec& spec, GgufHeader& header) {
  LL_ASSIGN(const int original,
            source.integer_or("rope.scaling.original_context_length", spec.max_context, 1, INT32_MAX));
  header.u32("phi3.rope.scaling.original_context_length", static_cast<std::uint32_t>(original));
  header.u32("phi3.attention.sliding_window", static_cast<std::uint32_t>(spec.layers.front().window));
  return {};
}

}  // namespace

const Family kPhi3{.names = {.architecture = "phi3", .hf_tensors = kHfTensors},
                   .hf_classes = kHfClasses,
                   .spec = phi3_spec,
                   .gguf = {.add_keys = add_phi3_keys}};

}  // namespace llorch
