// ref::ops(): the table in which every op is its own definition.
#include "backend/ref/ops.h"

namespace llorch::ref {

OpTable ops() {
  return {.name = "ref",
          .deterministic = true,
          .embed = embed,
          .norm = norm,
          .matmul = matmul,
          .rope_store = rope_store,
          .attend = attend,
          .gate = gate,
          .route = route,
          .add = add,
          .split_tokens = split_tokens,
          .has_q8 = has_q8};
}

}  // namespace llorch::ref
