// Qwen2 and Qwen2.5: Llama's layer with biases on q, k and v (found by name) and RoPE over halves.
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr std::string_view kHfClasses[] = {"Qwen2ForCausalLM"};

Result<ModelSpec> qwen2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half));
  LL_TRY(read_qwen_windows(source, spec));
  return spec;
}

}  // namespace

const Family kQwen2{.names = {.architecture = "qwen2"}, .hf_classes = kHfClasses, .spec = qwen2_spec};

}  // namespace llorch
