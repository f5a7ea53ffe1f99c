// verify_model: everything about a model's files that can be wrong, without a device.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "checkpoint/digest.h"
#include "checkpoint/manifest.h"
#include "engine/loaded_model.h"

namespace llorch {

struct VerifiedModel {
  ModelFiles files;
  std::unique_ptr<Tokenizer> tokenizer;  // null: the files have none
  Digests digests;
};

/// Opens a model (a path as of open_model) and checks it in full: structure, the manifest's layout, spec and plan, the
/// tokenizer and that its ids have rows, that every weight is there in its shape and nothing else is, and every byte of
/// every tensor (model/tensor_check.h). The error is the first fault. `manifest` may be null; `progress` (0..1, never
/// falling; may be empty) is called by one thread at a time.
Result<VerifiedModel> verify_model(const std::string& path, const Manifest* manifest,
                                   const std::function<void(double)>& progress);

}  // namespace llorch
