// Attention over the paged KV; see generic/attend.inc.
#include <cmath>
#include <cstddef>

#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"
#include "backend/kv_bytes.h"
#include "base/check.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {

constexpr int kAttendRows = 6;  // queries x 2 vectors of keys, or of channels, whose sums fit in the registers

#include "backend/avx2/generic/attend.inc"
}  // namespace

void attend(const AttendOp& op, int layer, const Work& work) {
  run_attend(op, layer, work);
}

}  // namespace llorch::avx2
LL_TARGET_END
