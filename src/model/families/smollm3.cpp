// SmolLM3: Llama's layer; every few there is one without rope.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "model/families/common.h"
#include "model/families/list.h"

namespace llorch {
namespace {

constexpr std::string_view kHfClasses[] = {"SmolLM3ForCausalLM"};

Result<ModelSpec> smollm3_spec(const ModelSource& source) {
  LL_ASSIGN(ModelSpec spec, read_common(source, source.is_hf() ? RopeKind::half : RopeKind::adjacent));
  constexpr int kInterval = 4;
  LL_ASSIGN(const std::int64_t interval, source.is_hf() && source.metadata().has("no_rope_layer_interval")
                                             ? source.metadata().integer_in("no_rope_layer_interval", 1, INT32_MAX)
                                             : Result<std::int64_t>(kInterval));
  std::vector<std::int64_t> turns(spec.layers.size());  // 1: with rope
  for (std::size_t i = 0; i < turns.size(); ++i) {
    turns[i] = static_cast<std::int64_t>(i + 1) % interval == 0 ? 0 : 1;
  }
  if (source.is_hf() && source.metadata().has("no_rope_layers")) {
    LL_ASSIGN(const auto listed, source.metadata().integers("no_rope_layers"));
    if (listed.size() < turns.size()) {
      return source.refuse("no_rope_layers", "a value for each layer is needed");
    }
    std::copy_n(listed.begin(), turns.size(), turns.begin());
  }
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i] == 0) {
      spec.layers[i].rope = {};
    }
  }
  return spec;
}

}  // namespace

const Family kSmolLm3{.names = {.architecture = "smollm3"},
                      .hf_classes = kHfClasses,
                      .spec = smollm3_spec,
                      .gguf = {.adjacent_rows = true}};

}  // namespace llorch
