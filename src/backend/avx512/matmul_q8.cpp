// matmul with 8-bit activations on a processor without VNNI; see avx2/generic/matmul_q8.inc for the order of sums.
#include <cmath>
#include <cstddef>

#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"
#include "base/check.h"

LL_TARGET_BEGIN
namespace llorch::avx512 {
namespace {
#include "backend/avx512/bytes.inc"

constexpr int kOffset = 0;  // weights stay signed

/// sums + the products of 4 bytes in each lane. |w| * x fits in the 16 bits of maddubs: 2 * 128 * 127.
LL_INLINE Ints dot4(Ints sums, Ints w, Ints x) {
  const Ints signed_x = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w), _mm512_setzero_si512(), x);
  const Ints pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(w), signed_x);
  return _mm512_add_epi32(sums, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

#include "backend/avx2/generic/matmul_q8.inc"
}  // namespace

bool has_q8(DType type) {
  return type == DType::q8_0 || type == DType::q4_0;
}

void matmul(const Matmul& mm, const Work& work) {
  if (work.activations == Activations::q8 && has_q8(mm.w->type)) {
    run_matmul_q8(mm, work);
  } else {
    matmul_f32(mm, work);
  }
}

}  // namespace llorch::avx512
LL_TARGET_END
