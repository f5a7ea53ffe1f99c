// GGUF containers: one file, or a set of parts of which the first is named.
#pragma once

#include <memory>
#include <string>

#include "base/mmap.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch {

/// Reads the mapped file and, when it is the first of a split set, opens and reads the other parts beside it.
Result<Checkpoint> open_gguf(std::shared_ptr<const MappedFile> file);

}  // namespace llorch
