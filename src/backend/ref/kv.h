// The KV cache's content: how k and v of one token and head lie in a piece (kv_bytes.h). The definition of every
// KvType, for all host tables.
//
//   f32, f16   [kKvBlock, head_dim]
//   q8_0       int8 [kKvBlock, padded], then F16 scales [kKvBlock, padded / 32]; padded: head_dim, up to 32s
#pragma once

#include <cstddef>

#include "backend/kv_bytes.h"

namespace llorch::ref {

/// Writes values[head_dim] to slot `slot` of a piece. A block of q8_0: the scale is largest / 127 as F16, the whole
/// numbers are x * (127 / largest), to nearest, ties to even; all 0 where the largest is below 1e-30. One that holds
/// NaN or infinity gets the scale NaN.
void store_kv(KvType type, const float* values, int head_dim, std::byte* piece, int slot);

/// Reads them back as floats.
void load_kv(KvType type, const std::byte* piece, int head_dim, int slot, float* values);

}  // namespace llorch::ref
