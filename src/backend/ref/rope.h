// The angles of the rotary embedding: one definition that every host table shares, so that all rotate alike.
#pragma once

#include "model/spec.h"

namespace llorch::ref {

/// inv[i] = theta^(-2i/dims) / factors[i], i < n <= dims / 2, in double.
void rope_frequencies(const Rope& rope, double* inv, int n);

/// cos and sin of position * inv[i] in double, then to float, times rope.magnitude: each [n].
void rope_cos_sin(const Rope& rope, const double* inv, int n, int position, float* cos, float* sin);

/// Rotates the first 2n channels of one head: pairs (2i, 2i+1) or (i, i + n).
void rope_rotate(RopeKind kind, float* head, int n, const float* cos, const float* sin);

}  // namespace llorch::ref
