// The activation of a feed-forward; see avx2/generic/gate.inc.
#include <cmath>

#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"

LL_TARGET_BEGIN
namespace llorch::avx512 {
namespace {
#include "backend/avx2/generic/gate.inc"
}  // namespace

void gate(const GateOp& op, float* gate, const float* up, std::int64_t n, const Work& work) {
  run_gate(op, gate, up, n, work);
}

}  // namespace llorch::avx512
LL_TARGET_END
