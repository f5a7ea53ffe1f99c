// The KV cache's content: how k and v of one token and head lie in a piece (kv_bytes.h). The definition of every
// KvType, for all host tables.
//
//              keys                                        values
//   f32, f16   [head_dim, kKvBlock]                        [kKvBlock, head_dim]
//   q8_0       int8 [padded, kKvBlock],                    int8 [kKvBlock, padded],
//              then F16 scales [padded / 32, kKvBlock]     then F16 scales [kKvBlock, padded / 32]
//
// padded: head_dim, up to 32s. Keys lie channel by channel so that kKvBlock scores grow side by side in SIMD lanes.
// Where the keys are the values as well they lie as keys.
#pragma once

#include <cstddef>

#include "backend/kv_bytes.h"

namespace llorch::ref {

/// Where a token's channels lie in a piece: channel d at first + d * step, in values of the type; of q8_0 the scale of
/// block b at scale + b * scale_step, in halves, after `before_scales` bytes.
struct KvPlace {
  std::ptrdiff_t first, step;
  std::ptrdiff_t scale, scale_step;
  std::ptrdiff_t before_scales;
};
/// Of the key, and of the value, in slot `slot` of a piece.
KvPlace key_place(KvType type, int head_dim, int slot);
KvPlace value_place(KvType type, int head_dim, int slot);

/// Below it 127 / largest is not a float.
inline constexpr float kTiny = 1e-30F;

/// Writes values[head_dim] to a place in a piece. A block of q8_0: the scale is largest / 127 as F16, the whole numbers
/// are x * (127 / largest), to nearest, ties to even; all 0 where the largest is not above kTiny. One that holds NaN or
/// infinity gets the scale NaN.
void store_at(KvType type, const float* values, int head_dim, std::byte* piece, const KvPlace& at);

/// The same, to slot `slot`.
void store_key(KvType type, const float* values, int head_dim, std::byte* piece, int slot);
void store_value(KvType type, const float* values, int head_dim, std::byte* piece, int slot);

/// Reads them back as floats: of q8_0 scale * whole number.
void load_key(KvType type, const std::byte* piece, int head_dim, int slot, float* values);
void load_value(KvType type, const std::byte* piece, int head_dim, int slot, float* values);

}  // namespace llorch::ref
