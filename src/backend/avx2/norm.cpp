// rms and layer norm; see generic/norm.inc.
#include <cmath>

#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {
#include "backend/avx2/generic/norm.inc"
}  // namespace

void norm(const NormOp& op, const Work& work) {
  run_norm(op, work);
}

}  // namespace llorch::avx2
LL_TARGET_END
