// Llama 1 to 3.x, Mistral and Mixtral, and what copies them: RMSNorm, GQA, RoPE, SwiGLU, experts.
#include "base/format.h"
#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kGgufTensors[] = {
    {"ffn_gate_exps", "ffn_gate_exps"}, {"ffn_gate_exps", "ffn_gate.#"},  // older files: an expert a tensor
    {"ffn_up_exps", "ffn_up_exps"},     {"ffn_up_exps", "ffn_up.#"},
    {"ffn_down_exps", "ffn_down_exps"}, {"ffn_down_exps", "ffn_down.#"},
};
constexpr NamePair kHfKeys[] = {{"expert_count", "num_local_experts"}};
constexpr NamePair kHfTensors[] = {
    {"ffn_gate_inp", "block_sparse_moe.gate"},
    {"ffn_gate_exps", "block_sparse_moe.experts.#.w1"},
    {"ffn_up_exps", "block_sparse_moe.experts.#.w3"},
    {"ffn_down_exps", "block_sparse_moe.experts.#.w2"},
};
constexpr std::string_view kHfClasses[] = {"LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM"};

Result<ModelSpec> llama_spec(const ModelSource& source) {
  // GGUF files hold the rows of q and k reordered for adjacent pairs; Hugging Face's are in their original, half order.
  LL_ASSIGN(ModelSpec spec, read_common(source, source.is_hf() ? RopeKind::half : RopeKind::adjacent));
  LL_TRY(read_moe(source, spec));
  LL_ASSIGN(const int window, source.integer_or("attention.sliding_window", 0, 0, INT32_MAX));
  for (LayerSpec& layer : spec.layers) {
    if (layer.rope.dims != layer.head_dim) {
      return errorf(ErrorCode::model_file, "{}: {} is {}, for this architecture it must be the head size {}",
                    source.metadata().source(), source.key("rope.dimension_count"), layer.rope.dims, layer.head_dim);
    }
    layer.window = window;
    LL_ASSIGN(layer.attn_scale, read_scale(source, "attention.scale", static_cast<double>(layer.attn_scale)));
  }
  return spec;
}

}  // namespace

const Family kLlama{
    .names = {.architecture = "llama", .gguf_tensors = kGgufTensors, .hf_keys = kHfKeys, .hf_tensors = kHfTensors},
    .hf_classes = kHfClasses,
    .spec = llama_spec,
    .gguf = {.adjacent_rows = true}};

}  // namespace llorch
