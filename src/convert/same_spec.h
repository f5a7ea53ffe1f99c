// Reads a model back from the keys and tensors that a GGUF is about to have, and tells what came out differently: not
// everything that config.json can say has a key.
#pragma once

#include "base/result.h"
#include "convert/gguf_model.h"
#include "model/family.h"

namespace llorch {

/// Adds to model.notes what a reader of the file will see otherwise, and in which layers.
Status note_other_spec(const Family& family, GgufModel& model);

}  // namespace llorch
