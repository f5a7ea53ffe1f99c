// The activation of a feed-forward; see generic/gate.inc.
#include <cmath>

#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {
#include "backend/avx2/generic/gate.inc"
}  // namespace

void gate(const GateOp& op, float* gate, const float* up, std::int64_t n, const Work& work) {
  run_gate(op, gate, up, n, work);
}

}  // namespace llorch::avx2
LL_TARGET_END
