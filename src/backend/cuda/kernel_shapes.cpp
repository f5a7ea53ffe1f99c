// Which shapes the kernels take: what a walk over a plan must know before it launches one.
#include "backend/cuda/kernels.h"

namespace llorch::cuda {

bool attend_has_tiles(int head_dim, KvType kv_type, bool v_is_k) {
  constexpr int kMostDims = 256;
  return kv_type == KvType::f16 && !v_is_k && head_dim % 8 == 0 && head_dim <= kMostDims;
}

bool norm_can_pack(int n) {
  constexpr int kMostFloats = 12 * 1024 - 256;  // of shared memory
  return n <= kMostFloats;
}

bool gate_can_pack(XForm form) {
  return form == XForm::q8 || form == XForm::bf16;  // F16 needs the row's largest value first
}

}  // namespace llorch::cuda
