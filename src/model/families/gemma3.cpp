// Gemma 3: five layers with a window and a rope of their own, then one that sees all; q and k are normed.
#include "model/families/gemma.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr std::size_t kLayersOf27B = 62;
constexpr std::string_view kHfClasses[] = {"Gemma3ForCausalLM"};

Result<ModelSpec> gemma3_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_gemma(source));
  LL_TRY(read_gemma2_layers(source, spec, kLayersOf27B));
  if (source.has_key("final_logit_softcapping")) {
    LL_ASSIGN(spec.final_softcap, read_scale(source, "final_logit_softcapping", 30));
  }
  LL_ASSIGN(const int period, source.integer_or("attention.sliding_window_pattern", 6, 1, 4096));
  LL_TRY(read_windows(source, spec, 0, [period](int layer) { return layer % period != period - 1; }));
  LL_ASSIGN(const double base, source.number_or("rope.freq_base_swa", 10000, 1.001, 1e12));
  for_layers(spec, [base](LayerSpec& layer) {
    layer.qk_norm = QkNorm::head;
    if (layer.window > 0) {
      layer.rope = {.kind = RopeKind::half, .dims = layer.rope.dims, .theta = base};
    }
  });
  return spec;
}

}  // namespace

const Family kGemma3{.names = {.architecture = "gemma3", .hf_keys = kGemma2HfKeys, .hf_tensors = kGemma2HfTensors},
                     .hf_classes = kHfClasses,
                     .spec = gemma3_spec,
                     .build = build_gemma};

}  // namespace llorch
