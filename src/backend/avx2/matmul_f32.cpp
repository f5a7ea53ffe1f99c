// matmul with float activations, for any format; see generic/matmul_f32.inc for the order of sums.
#include <cmath>
#include <cstddef>

#include "backend/avx2/bytes.h"
#include "backend/avx2/float_panels.h"
#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {
#include "backend/avx2/generic/matmul_f32.inc"
}  // namespace

void matmul_f32(const Matmul& mm, const Work& work) {
  run_matmul_f32(mm, work);
}

}  // namespace llorch::avx2
LL_TARGET_END
