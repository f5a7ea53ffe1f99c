// rms and layer norm; see avx2/generic/norm.inc.
#include <cmath>

#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"

LL_TARGET_BEGIN
namespace llorch::avx512 {
namespace {
#include "backend/avx2/generic/norm.inc"
}  // namespace

void norm(const NormOp& op, const Work& work) {
  run_norm(op, work);
}

}  // namespace llorch::avx512
LL_TARGET_END
