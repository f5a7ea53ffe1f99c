// gpt-oss: sinks, every other layer a window, YaRN, experts with biases and a clamped activation, often MXFP4.
#include "base/format.h"
#include "model/families/common.h"
#include "model/families/list.h"
#include "model/families/mxfp4_experts.h"

namespace llorch {
namespace {

constexpr NamePair kGgufTensors[] = {{"ffn_norm", "post_attention_norm"}};
constexpr NamePair kHfKeys[] = {{"expert_count", "num_local_experts"}};
constexpr NamePair kHfTensors[] = {
    {"ffn_gate_inp", "mlp.router"},
    {"attn_sinks.weight", "self_attn.sinks"},
    {"ffn_gate_exps.weight", "mlp.experts.gate_up_proj_blocks"},
    {"ffn_gate_exps.weight", "mlp.experts.gate_up_proj"},
    {"ffn_up_exps.weight", "mlp.experts.gate_up_proj_blocks"},
    {"ffn_up_exps.weight", "mlp.experts.gate_up_proj"},
    {"ffn_down_exps.weight", "mlp.experts.down_proj_blocks"},
    {"ffn_down_exps.weight", "mlp.experts.down_proj"},
    {"ffn_gate_exps.bias", "mlp.experts.gate_up_proj_bias"},
    {"ffn_up_exps.bias", "mlp.experts.gate_up_proj_bias"},
    {"ffn_down_exps.bias", "mlp.experts.down_proj_bias"},
};
constexpr std::string_view kHfClasses[] = {"GptOssForCausalLM"};

Result<ModelSpec> gpt_oss_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half));
  LL_TRY(read_moe(source, spec));
  LL_TRY(read_windows(source, spec, 0, [](int layer) { return layer % 2 == 0; }));
  LL_ASSIGN(const float limit, read_scale(source, "swiglu_limit", 7));
  for_layers(spec, [limit](LayerSpec& layer) {
    layer.sinks = true;
    layer.act_limit = limit;
    layer.act_alpha = 1.702F;
    layer.moe.gating = Gating::softmax_of_chosen;
    layer.moe.norm_chosen = false;
  });
  if (spec.layers.front().moe.n_experts == 0) {
    return source.refuse("expert_count", "this architecture has experts");
  }
  return spec;
}

/// config.json's gate and up lie in one tensor, interleaved; those that are not MXFP4 are [expert, in, out].
Built build_gpt_oss(const FoundTensor& found) {
  const bool is_experts = found.name.find("_exps.") != std::string_view::npos;
  const bool is_down = found.name.starts_with("ffn_down");
  if (!found.source.is_hf() || !is_experts || (is_down && found.name.ends_with(".bias"))) {
    return std::optional<Tensor>();
  }
  const std::int64_t step = is_down ? 1 : 2;
  const std::int64_t first = found.name.starts_with("ffn_up") ? 1 : 0;
  const std::vector<std::int64_t>& shape = found.decl.shape;  // [experts, rows, cols], of a bias [experts, rows]
  const std::int64_t rows = shape[1];
  if (shape.size() == 2) {
    LL_TRY(expect_shape(found.tensor, {shape[0], rows * step}));
    return some(gathered(found.arena, found.tensor, shape, [=](std::int64_t i) { return i * step + first; }));
  }
  const std::int64_t cols = shape[2];
  if (found.tensor.name.ends_with("_blocks")) {
    LL_ASSIGN(Tensor built, join_mxfp4(found, step, first));
    return std::optional(std::move(built));
  }
  LL_TRY(expect_shape(found.tensor, {shape[0], cols, rows * step}));
  return some(gathered(found.arena, found.tensor, shape, [=](std::int64_t i) {
    const std::int64_t expert = i / (rows * cols);
    const std::int64_t row = i / cols % rows;
    return (expert * cols + i % cols) * rows * step + row * step + first;
  }));
}

}  // namespace

const Family kGptOss{
    .names = {.architecture = "gpt-oss", .gguf_tensors = kGgufTensors, .hf_keys = kHfKeys, .hf_tensors = kHfTensors},
    .hf_classes = kHfClasses,
    .spec = gpt_oss_spec,
    .build = build_gpt_oss};

}  // namespace llorch
