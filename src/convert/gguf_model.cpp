#include "convert/gguf_model.h"

#include <algorithm>
#include <utility>

#include "convert/hf_to_gguf.h"
#include "model/family.h"

namespace llorch {
namespace {

/// Keys that tell how the file is laid out, not what the model is.
bool is_about_the_file(std::string_view key) {
  return key == "general.alignment" || key.starts_with("split.");
}

}  // namespace

RecipeModel GgufModel::recipe_model() const {
  const LayerSpec& layer = spec.layers.back();  // dense layers come first
  return {.lighter_mix = lighter_mix,
          .n_layers = static_cast<int>(spec.layers.size()),
          .n_experts = layer.moe.n_experts,
          .heads_per_kv = layer.n_heads / std::max(1, layer.n_kv_heads),
          .has_output = has_output};
}

std::vector<RecipeTensor> GgufModel::recipe_tensors() const {
  std::vector<RecipeTensor> all;
  for (const GgufTensor& tensor : tensors) {
    all.push_back({tensor.name, tensor.shape, tensor.type});
  }
  return all;
}

Result<GgufModel> gguf_to_gguf(std::shared_ptr<const Checkpoint> source) {
  GgufModel model;
  LL_ASSIGN(const Family* family, find_family(*source));
  LL_ASSIGN(model.spec, make_spec(ModelSource(*source, family->names, 0)));
  model.lighter_mix = family->gguf.lighter_mix;
  LL_ASSIGN(auto keys, gguf_keys(source->files.front()->bytes(), source->path));
  for (GgufKey& key : keys) {
    if (!is_about_the_file(key.name)) {
      model.header.raw(std::move(key));
    }
  }
  for (const Tensor* tensor : in_file_order(*source)) {
    model.tensors.push_back(
        {tensor->name, tensor->type, tensor->shape, [tensor](TensorArena&) { return Result<Tensor>(*tensor); }});
  }
  model.has_output = source->find("output.weight") != nullptr;
  model.source = std::move(source);
  return model;
}

Result<GgufModel> open_gguf_model(const std::string& path) {
  LL_ASSIGN(Checkpoint checkpoint, open_checkpoint(path));
  auto source = std::make_shared<const Checkpoint>(std::move(checkpoint));
  if (source->container == Container::gguf) {
    return gguf_to_gguf(std::move(source));
  }
  return hf_to_gguf(std::move(source), {});
}

}  // namespace llorch
