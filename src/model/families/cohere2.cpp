// Cohere 2 (Command R7B, Command A): three layers with a window and rope, then one that sees all and has no rope.
#include "model/families/cohere.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr NamePair kHfKeys[] = {{"attention.sliding_window_pattern", "sliding_window_pattern"}};
constexpr std::string_view kHfClasses[] = {"Cohere2ForCausalLM"};

Result<ModelSpec> cohere2_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_cohere(source));
  LL_ASSIGN(const int period, source.integer_or("attention.sliding_window_pattern", 4, 1, 4096));
  LL_TRY(read_windows(source, spec, 4096, [period](int layer) { return layer % period != period - 1; }));
  for_layers(spec, [](LayerSpec& layer) {
    if (layer.window == 0) {
      layer.rope = {};
    }
  });
  return spec;
}

}  // namespace

const Family kCohere2{.names = {.architecture = "cohere2", .hf_keys = kHfKeys},
                      .hf_classes = kHfClasses,
                      .spec = cohere2_spec,
                      .gguf = {.add_keys = add_cohere_keys}};

}  // namespace llorch
