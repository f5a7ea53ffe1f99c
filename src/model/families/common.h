// What most decoder-only families share: sizes, heads and feed-forward widths under their usual keys. A family's file
// calls this first and then changes what is its own.
#pragma once

#include "base/result.h"
#include "model/source.h"
#include "model/spec.h"

namespace llorch {

/// dim, vocab, context, eps and one LayerSpec copied to every layer (heads, head_dim, ff_dim, 1/sqrt(head_dim), SwiGLU,
/// the rope of `rope_kind` over all of head_dim).
Result<ModelSpec> read_common(const ModelSource& source, RopeKind rope_kind);

}  // namespace llorch
