// read_rope: the rotary embedding that a checkpoint describes, with every scaling that llorch knows, as plain numbers.
#pragma once

#include "base/result.h"
#include "model/source.h"
#include "model/spec.h"

namespace llorch {

/// Reads base and scaling ("none", "linear", "llama3", "yarn", "longrope") from the keys of either container and GGUF's
/// tensors of factors. An unknown scaling is refused by name.
Result<Rope> read_rope(const ModelSource& source, RopeKind kind, int dims);

}  // namespace llorch
