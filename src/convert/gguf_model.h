// GgufModel: a model as a GGUF file will hold it, before number formats are chosen: keys, and tensors that are made one
// at a time. From a GGUF that is there, or from a Hugging Face directory (hf_to_gguf.cpp).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_header.h"
#include "convert/recipe.h"
#include "model/build_tensor.h"
#include "model/spec.h"

namespace llorch {

struct GgufTensor {
  std::string name;
  DType type;  // as the source has it
  std::vector<std::int64_t> shape;
  /// The data: in the source's files, or built in the arena, for tensors that no file holds as GGUF has them.
  std::function<Result<Tensor>(TensorArena& arena)> data;
};

struct GgufModel {
  std::shared_ptr<const Checkpoint> source;  // keeps the tensors' data alive
  GgufHeader header;                         // keys only
  std::vector<GgufTensor> tensors;           // in the order of the new file
  ModelSpec spec;
  bool lighter_mix = false;        // see RecipeModel
  bool has_output = true;          // false: the embedding is the output matrix too
  std::vector<std::string> notes;  // what the file cannot say as the source does, a sentence each

  /// What a recipe has to know.
  RecipeModel recipe_model() const;
  std::vector<RecipeTensor> recipe_tensors() const;
};

/// Reads `path`, a GGUF or a Hugging Face directory. An architecture that llorch does not know is refused.
Result<GgufModel> open_gguf_model(const std::string& path);

/// Of an open GGUF checkpoint: the keys as they are, less those that speak of the file itself.
Result<GgufModel> gguf_to_gguf(std::shared_ptr<const Checkpoint> source);

}  // namespace llorch
