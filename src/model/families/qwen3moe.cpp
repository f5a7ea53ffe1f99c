// Qwen3 with experts, in all layers or in some.
#include <algorithm>

#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfKeys[] = {{"expert_count", "num_experts"},
                                {"expert_feed_forward_length", "moe_intermediate_size"}};
constexpr std::string_view kHfClasses[] = {"Qwen3MoeForCausalLM"};

/// Layers of config.json that are dense.
Status read_dense_layers(const ModelSource& source, ModelSpec& spec) {
  LL_ASSIGN(const auto step, source.metadata().integer_or("decoder_sparse_step", 1));
  if (step < 1) {
    return source.refuse("decoder_sparse_step", "must be at least 1");
  }
  std::span<const std::int64_t> dense;
  if (source.metadata().has("mlp_only_layers")) {
    LL_ASSIGN(dense, source.metadata().integers("mlp_only_layers"));
  }
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    if ((layer + 1) % step != 0 || std::find(dense.begin(), dense.end(), layer) != dense.end()) {
      spec.layers[i].moe = {};
    }
  }
  return {};
}

Result<ModelSpec> qwen3moe_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half));
  for_layers(spec, [](LayerSpec& layer) { layer.qk_norm = QkNorm::head; });
  LL_TRY(read_qwen_windows(source, spec));
  LL_TRY(read_moe(source, spec));
  if (source.is_hf()) {
    LL_ASSIGN(const bool normed, source.metadata().boolean_or("norm_topk_prob", false));
    for_layers(spec, [normed](LayerSpec& layer) { layer.moe.norm_chosen = normed; });
    LL_TRY(read_dense_layers(source, spec));
  }
  return spec;
}

}  // namespace

const Family kQwen3Moe{
    .names = {.architecture = "qwen3moe", .hf_keys = kHfKeys}, .hf_classes = kHfClasses, .spec = qwen3moe_spec};

}  // namespace llorch
