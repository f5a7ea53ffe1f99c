// matmul with float activations, for any format; see avx2/generic/matmul_f32.inc for the order of sums.
#include <cmath>
#include <cstddef>

#include "backend/avx2/float_panels.h"
#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"

LL_TARGET_BEGIN
namespace llorch::avx512 {
namespace {
using avx2::has_float_panels;
#include "backend/avx512/bytes.inc"

#include "backend/avx2/generic/matmul_f32.inc"
}  // namespace

void matmul_f32(const Matmul& mm, const Work& work) {
  run_matmul_f32(mm, work);
}

}  // namespace llorch::avx512
LL_TARGET_END
