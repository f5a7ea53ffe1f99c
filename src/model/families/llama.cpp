// Llama 1 to 3.x, and what copies it: RMSNorm, GQA, RoPE, SwiGLU.
#include "base/format.h"
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

Result<ModelSpec> llama_spec(const ModelSource& source) {
  LL_ASSIGN(const int n_experts, source.integer_or("expert_count", 0, 0, 1 << 16));
  if (n_experts > 0) {
    return errorf(ErrorCode::model_file, "{}: {} is {}: mixtures of experts are not supported yet",
                  source.checkpoint().metadata.source(), source.key("expert_count"), n_experts);
  }
  // GGUF files hold the rows of q and k reordered for adjacent pairs; Hugging Face's are in their original, half order.
  LL_ASSIGN(ModelSpec spec, read_common(source, source.is_hf() ? RopeKind::half : RopeKind::adjacent));
  LL_ASSIGN(const int window, source.integer_or("attention.sliding_window", 0, 0, INT32_MAX));
  for (LayerSpec& layer : spec.layers) {
    if (layer.rope.dims != layer.head_dim) {
      return errorf(ErrorCode::model_file, "{}: {} is {}, for this architecture it must be the head size {}",
                    source.checkpoint().metadata.source(), source.key("rope.dimension_count"), layer.rope.dims,
                    layer.head_dim);
    }
    layer.window = window;
    LL_ASSIGN(const double scale, source.number_or("attention.scale", layer.attn_scale, 1e-6, 1e6));
    layer.attn_scale = static_cast<float>(scale);
  }
  return spec;
}

}  // namespace

const Family kLlama{.architecture = "llama", .hf_class = "LlamaForCausalLM", .spec = llama_spec};

}  // namespace llorch
