// GGUF containers: one file, or a set of parts of which the first is named.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/mmap.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch {

/// Reads the mapped file and, when it is the first of a split set, opens and reads the other parts beside it.
Result<Checkpoint> open_gguf(std::shared_ptr<const MappedFile> file, const FileAccess& access);

/// Parts of the set that a name like NAME-00001-of-00003.gguf speaks of; else 1.
int gguf_split_count(std::string_view path);

}  // namespace llorch
