// The rotary embedding as every host table has it: the same angles, the same walk, and kernels that give the same bits.
#pragma once

#include <cstddef>
#include <span>

#include "backend/kv_bytes.h"
#include "backend/ops.h"
#include "backend/ref/kv.h"
#include "model/spec.h"

namespace llorch::ref {

/// inv[i] = theta^(-2i/dims) / factors[i], i < dims / 2, in double.
void rope_frequencies(const Rope& rope, std::span<double> inv);

/// cos and sin of position * inv[i] in double, then to float, times rope.magnitude: each [inv.size()].
void rope_cos_sin(const Rope& rope, std::span<const double> inv, int position, float* cos, float* sin);

/// Rotates the first 2n channels of a head: pairs (2i, 2i+1), or (i, i + n).
struct Rotation {
  RopeKind kind;
  int n;
  const float* cos;  // [n]
  const float* sin;  // [n]
};

/// What a table does with a token in ways of its own.
struct RopeKernels {
  /// Rotates n_heads heads, `step` floats apart.
  void (*rotate)(const Rotation& by, float* heads, int n_heads, int step);
  /// Writes values[head_dim] to their place in a piece.
  void (*store)(KvType type, const float* values, int head_dim, std::byte* piece, const KvPlace& at);
};

/// Rotates q and k of each token in place, then writes k and v to the token's KV slot.
void rope_store(const RopeKernels& kernels, const RopeStoreOp& op, int layer, const Work& work);

}  // namespace llorch::ref
