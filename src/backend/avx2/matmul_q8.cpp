// matmul with 8-bit activations where the format has such a kernel; see generic/matmul_q8.inc for the order of sums.
#include <cmath>
#include <cstddef>

#include "backend/avx2/bytes.h"
#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"
#include "base/check.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {
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

}  // namespace llorch::avx2
LL_TARGET_END
