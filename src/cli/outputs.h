// Files that a verb writes: never one of those that it reads.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch::cli {

/// ErrorCode::invalid_argument when `out` is a file of the model, by whatever path, or one of `others`
/// (empty names are passed over): writing it would lose what is being read.
Status refuse_input(const std::string& out, const Checkpoint& model, const std::vector<std::string>& others);

/// The embedded model has no file that could be read.
Status refuse_builtin(const std::string& model);

}  // namespace llorch::cli
