#include "engine/verify.h"

#include <utility>

#include "model/family.h"
#include "model/tensor_check.h"

namespace llorch {
namespace {

/// "no_vocab" says that a file has none on purpose.
bool names_vocab(const Metadata& metadata) {
  const auto model = metadata.string_or("tokenizer.ggml.model", "no_vocab");
  return !model.ok() || *model != "no_vocab";
}

bool has_tokenizer(const Checkpoint& checkpoint) {
  return checkpoint.container == Container::gguf ? names_vocab(checkpoint.metadata)
                                                 : !checkpoint.tokenizer_json_path.empty();
}

}  // namespace

Result<VerifiedModel> verify_model(const std::string& path, const Manifest* manifest,
                                   const std::function<void(double)>& progress) {
  VerifiedModel model;
  LL_ASSIGN(model.files, open_model(path));
  const Checkpoint& checkpoint = *model.files.checkpoint;
  if (manifest != nullptr) {
    LL_TRY(check_layout(*manifest, checkpoint));
  }
  LL_ASSIGN(const Plan plan, plan_of(checkpoint, 0));
  if (has_tokenizer(checkpoint)) {
    LL_ASSIGN(model.tokenizer, make_tokenizer(checkpoint));
    LL_TRY(check_vocab(*model.tokenizer, plan, path));
  }
  LL_ASSIGN(const Family* family, find_family(checkpoint));
  const ModelSource source(checkpoint, family->names, 0);
  LL_TRY(check_weights(source, plan));
  LL_ASSIGN(model.digests, read_tensors(checkpoint, manifest, progress));
  return model;
}

}  // namespace llorch
