// Gemma 2: every other layer sees a window, and attention and logits have soft caps.
#include "model/families/gemma.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr std::size_t kLayersOf27B = 46;
constexpr std::string_view kHfClasses[] = {"Gemma2ForCausalLM"};

/// null: no cap.
Result<float> read_cap(const ModelSource& source, std::string_view key, double fallback) {
  return source.metadata().is_null(key) ? Result<float>(0.0F) : read_scale(source, key, fallback);
}

Result<ModelSpec> gemma2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_gemma(source));
  LL_TRY(read_gemma2_layers(source, spec, kLayersOf27B));
  LL_ASSIGN(const float attn_cap, read_cap(source, "attn_logit_softcapping", 50));
  LL_ASSIGN(spec.final_softcap, read_cap(source, "final_logit_softcapping", 30));
  LL_ASSIGN(const int period, source.integer_or("attention.sliding_window_pattern", 2, 1, 4096));
  for_layers(spec, [attn_cap](LayerSpec& layer) { layer.attn_softcap = attn_cap; });
  LL_TRY(read_windows(source, spec, 4096, [period](int layer) { return layer % period != period - 1; }));
  return spec;
}

}  // namespace

const Family kGemma2{.names = {.architecture = "gemma2", .hf_keys = kGemma2HfKeys, .hf_tensors = kGemma2HfTensors},
                     .hf_classes = kHfClasses,
                     .spec = gemma2_spec,
                     .build = build_gemma};

}  // namespace llorch
