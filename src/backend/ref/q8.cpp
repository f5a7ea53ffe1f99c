#include "backend/ref/q8.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace llorch::ref {

Q8Rows q8_rows(std::span<std::byte> shared, int m, std::int64_t cols) {
  const std::int64_t n_blocks = cols / kQ8Block;
  const std::int64_t q_bytes = (m * cols + 63) / 64 * 64;
  const std::int64_t scale_bytes = m * n_blocks * static_cast<std::int64_t>(sizeof(float));
  LL_CHECK(q_bytes + scale_bytes <= static_cast<std::int64_t>(shared.size()), "8-bit rows exceed Work::shared");
  return {.q = reinterpret_cast<std::int8_t*>(shared.data()),
          .scales = reinterpret_cast<float*>(shared.data() + q_bytes),
          .n_blocks = n_blocks};
}

void quantise_row(const float* x, const Q8Rows& out, int row) {
  constexpr float kTiny = 1e-30F;  // below it 127 / a is not a float
  for (std::int64_t b = 0; b < out.n_blocks; ++b, x += kQ8Block) {
    float largest = 0;
    bool finite = true;
    for (int i = 0; i < kQ8Block; ++i) {
      finite = finite && std::isfinite(x[i]);
      largest = std::max(largest, std::fabs(x[i]));
    }
    const float inverse = finite && largest > kTiny ? 127.0F / largest : 0.0F;
    for (int i = 0; i < kQ8Block; ++i) {
      out.block(row, b)[i] = finite ? static_cast<std::int8_t>(std::nearbyint(x[i] * inverse)) : std::int8_t{0};
    }
    out.scale(row, b) = finite ? largest / 127.0F : std::numeric_limits<float>::quiet_NaN();
  }
}

}  // namespace llorch::ref
