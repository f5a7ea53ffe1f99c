// The embedded model: the bytes of models/haiku/haiku.gguf, linked into every binary.
#pragma once

#include <cstddef>
#include <span>

namespace llorch {

/// Static storage, 64-byte aligned.
std::span<const std::byte> builtin_haiku();

}  // namespace llorch
