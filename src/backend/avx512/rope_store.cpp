// The rotary embedding, and k and v to the KV cache; see avx2/generic/rope_store.inc.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"
#include "backend/kv_bytes.h"
#include "backend/ref/kv.h"
#include "backend/ref/rope.h"

LL_TARGET_BEGIN
namespace llorch::avx512 {
namespace {
#include "backend/avx2/generic/rope_store.inc"
}  // namespace

void rope_store(const RopeStoreOp& op, int layer, const Work& work) {
  ref::rope_store({rotate, store_kv}, op, layer, work);
}

}  // namespace llorch::avx512
LL_TARGET_END
