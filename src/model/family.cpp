#include "model/family.h"

#include "base/format.h"

namespace llorch {
namespace {

/// architectures[0] of config.json, or general.architecture of a GGUF.
Result<std::string> architecture_of(const Checkpoint& checkpoint) {
  if (checkpoint.container == Container::gguf) {
    return checkpoint.metadata.string("general.architecture");
  }
  LL_ASSIGN(const auto classes, checkpoint.metadata.strings("architectures"));
  if (classes.empty()) {
    return errorf(ErrorCode::model_file, "{}: key architectures is empty", checkpoint.metadata.source());
  }
  return std::string(classes.front());
}

}  // namespace

Result<const Family*> find_family(const Checkpoint& checkpoint) {
  LL_ASSIGN(const std::string wanted, architecture_of(checkpoint));
  const bool hf = checkpoint.container == Container::safetensors;
  std::string known;
  for (const Family* family : families()) {
    const std::span<const std::string_view> names = hf ? family->hf_classes : std::span(&family->names.architecture, 1);
    for (const std::string_view name : names) {
      if (name == wanted) {
        return family;
      }
      known.append(known.empty() ? "" : ", ").append(name);
    }
  }
  return errorf(ErrorCode::model_file, "{}: unknown architecture '{}'; known are {}", checkpoint.metadata.source(),
                wanted, known);
}

Result<ModelSpec> make_spec(const ModelSource& source) {
  LL_ASSIGN(const Family* family, find_family(source.checkpoint()));
  LL_ASSIGN(ModelSpec spec, family->spec(source));
  LL_ASSIGN(const bool tied, source.metadata().boolean_or("tie_word_embeddings", true));
  if (source.is_hf() && !tied && !source.has("output.weight")) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is missing, though tie_word_embeddings is false",
                  source.checkpoint().path, source.tensor_name("output.weight"));
  }
  assign_kv_groups(spec);
  LL_TRY(validate(spec, source.checkpoint().metadata.source()));
  return spec;
}

}  // namespace llorch
