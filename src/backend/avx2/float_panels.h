// F32, F16 and BF16 weights as generic/matmul_f32.inc reads them: panels of rows, each [k][rows of the panel], so that
// the values that are multiplied with one value of x lie side by side. Plain code, callable on any x86-64.
#pragma once

#include <cstddef>

#include "base/threads.h"
#include "model/weights.h"
#include "quant/formats.h"

namespace llorch::avx2 {

inline bool has_float_panels(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

/// Packs panels [begin, end) of panel_rows rows of w to `packed`, where all its panels will lie; a last one is filled
/// up with zeros.
void pack_floats(const MatrixView& w, Range panels, int panel_rows, std::byte* packed);

}  // namespace llorch::avx2
