// The angles of the rotary embedding: one definition that every host table shares, so that all rotate alike.
#pragma once

#include <span>

#include "model/spec.h"

namespace llorch::ref {

/// inv[i] = theta^(-2i/dims) / factors[i], i < dims / 2, in double.
void rope_frequencies(const Rope& rope, std::span<double> inv);

/// cos and sin of position * inv[i] in double, then to float, times rope.magnitude: each [inv.size()].
void rope_cos_sin(const Rope& rope, std::span<const double> inv, int position, float* cos, float* sin);

/// Rotates the first 2n channels of one head: pairs (2i, 2i+1) or (i, i + n).
void rope_rotate(RopeKind kind, float* head, int n, const float* cos, const float* sin);

}  // namespace llorch::ref
