// read_tensors: one look at every byte of a checkpoint's tensors, used by the model or not.
#pragma once

#include <functional>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/digest.h"
#include "checkpoint/manifest.h"

namespace llorch {

/// The digests of all tensors and of the model. Refuses (ErrorCode::model_file) the first tensor, by file and place in
/// it, that holds a NaN or an infinity, or is not as `manifest` (may be null; its layout was checked) says; then a
/// model that is not. Tensors of bytes and integers have digests alone. All physical cores take part, a tensor each.
/// `progress` (may be empty) is told the share that was read, never falling; by one thread at a time.
Result<Digests> read_tensors(const Checkpoint& checkpoint, const Manifest* manifest,
                             const std::function<void(double)>& progress);

}  // namespace llorch
