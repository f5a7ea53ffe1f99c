// Gemma 1, and what its successors share with it.
#include "model/families/gemma.h"

#include <cmath>

#include "model/families/list.h"

namespace llorch {

Result<ModelSpec> read_gemma(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, RopeKind::half));
  spec.embed_scale = std::sqrt(static_cast<float>(spec.dim));
  for_layers(spec, [](LayerSpec& layer) { layer.act = Act::gelu_tanh; });
  return spec;
}

Status read_gemma2_layers(const ModelSource& source, ModelSpec& spec, std::size_t odd_layers) {
  const LayerSpec& first = spec.layers.front();
  const int usual = spec.layers.size() == odd_layers ? spec.dim / first.n_heads : first.head_dim;
  LL_ASSIGN(const double scalar, source.is_hf() ? source.number_or("query_pre_attn_scalar", usual, 1e-6, 1e9)
                                                : Result<double>(static_cast<double>(usual)));
  for_layers(spec, [scalar](LayerSpec& layer) {
    layer.post_norms = true;
    layer.attn_scale = static_cast<float>(1 / std::sqrt(scalar));
  });
  return {};
}

Built build_gemma(const FoundTensor& found) {
  if (!found.source.is_hf() || !found.name.ends_with("norm.weight")) {
    return std::optional<Tensor>();
  }
  return std::optional(plus_one(found.arena, found.tensor));
}

namespace {

constexpr std::string_view kHfClasses[] = {"GemmaForCausalLM"};

}  // namespace

const Family kGemma{
    .names = {.architecture = "gemma"}, .hf_classes = kHfClasses, .spec = read_gemma, .build = build_gemma};

}  // namespace llorch
