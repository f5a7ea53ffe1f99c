// Gemma 2: every other layer sees a window, and attention and logits have soft caps.
#include "model/families/gemma.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr std::size_t kLayersOf27B = 46;
constexpr std::string_view kHfClasses[] = {"Gemma2ForCausalLM"};

/// 0 and null: no cap.
Result<float> read_cap(const ModelSource& source, std::string_view key, double fallback) {
  LL_ASSIGN(const double cap, source.number_or(key, source.metadata().is_null(key) ? 0 : fallback, 0, 1e6));
  return static_cast<float>(cap);
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

/// Caps that are not there: a file without the keys would have the usual ones.
Status add_missing_caps(const ModelSource& /*source*/, const ModelSpec& spec, GgufHeader& header) {
  if (spec.layers.front().attn_softcap == 0) {
    header.f32("gemma2.attn_logit_softcapping", 0);
  }
  if (spec.final_softcap == 0) {
    header.f32("gemma2.final_logit_softcapping", 0);
  }
  return {};
}

}  // namespace

const Family kGemma2{.names = {.architecture = "gemma2", .hf_keys = kGemma2HfKeys, .hf_tensors = kGemma2HfTensors},
                     .hf_classes = kHfClasses,
                     .spec = gemma2_spec,
                     .build = build_gemma,
                     .gguf = {.add_keys = add_missing_caps}};

}  // namespace llorch
