// What the KV cache takes: known from the plan alone, so that the engine can size it before a backend holds it.
#pragma once

#include <cstdint>

#include "model/plan.h"

namespace llorch {

/// Bytes of one KV block (k and v of kKvBlock tokens, as floats) in all layers of KV group `group`.
std::int64_t kv_block_bytes(const Plan& plan, int group);

}  // namespace llorch
