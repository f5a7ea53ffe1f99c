// The rotary embedding, and k and v to the KV cache; see generic/rope_store.inc.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"
#include "backend/kv_bytes.h"
#include "backend/ref/kv.h"
#include "backend/ref/rope.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {
#include "backend/avx2/generic/rope_store.inc"
}  // namespace

void rope_store(const RopeStoreOp& op, int layer, const Work& work) {
  ref::rope_store({rotate, store_kv}, op, layer, work);
}

}  // namespace llorch::avx2
LL_TARGET_END
