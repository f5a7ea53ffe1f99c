// matmul with 8-bit activations by VNNI; see avx2/generic/matmul_q8.inc for the order of sums.
#include <cmath>
#include <cstddef>

#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"
#include "backend/avx512/packed.h"
#include "base/check.h"

LL_TARGET_BEGIN_VNNI
namespace llorch::avx512 {
namespace {
#include "backend/avx512/bytes.inc"

constexpr int kOffset = 128;  // vpdpbusd wants unsigned weights: w + 128

/// sums + the products of 4 bytes in each lane.
LL_INLINE Ints dot4(Ints sums, Ints w, Ints x) {
  return _mm512_dpbusd_epi32(sums, w, x);
}

#include "backend/avx2/generic/matmul_q8.inc"
}  // namespace

void matmul_vnni(const Matmul& mm, const Work& work) {
  const bool q8 = work.activations == Activations::q8;
  if (q8 && (mm.packed != nullptr || !has_q8(mm.w->type)) && packed_row_bytes(mm.w->type, mm.w->cols) > 0) {
    matmul_packed(mm, work);
  } else if (q8 && has_q8(mm.w->type)) {
    run_matmul_q8(mm, work);
  } else {
    matmul_f32(mm, work);
  }
}

}  // namespace llorch::avx512
LL_TARGET_END
