// Panels of avx2/packed.h as AVX-512 has them: 16 rows in 16 lanes.
#pragma once

#include "backend/avx2/packed.h"

namespace llorch::avx512 {

using avx2::PackedUnit;
inline constexpr int kPanelRows = 16;
inline constexpr int kVectorBytes = 4 * kPanelRows;

}  // namespace llorch::avx512
