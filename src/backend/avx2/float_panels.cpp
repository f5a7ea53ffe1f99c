#include "backend/avx2/float_panels.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace llorch::avx2 {
namespace {

constexpr std::int64_t kPiece = 64;  // k of all rows at once: what is read and written stays in L1

/// n_rows rows of T to [cols][panel_rows].
template <class T>
void pack_panel(const std::byte* rows, std::int64_t row_bytes, int n_rows, int panel_rows, std::int64_t cols,
                std::byte* panel) {
  constexpr auto kSize = static_cast<std::int64_t>(sizeof(T));
  if (n_rows < panel_rows) {
    std::memset(panel, 0, static_cast<std::size_t>(cols * panel_rows * kSize));
  }
  for (std::int64_t k0 = 0; k0 < cols; k0 += kPiece) {
    const std::int64_t end = std::min(cols, k0 + kPiece);
    for (int r = 0; r < n_rows; ++r) {
      for (std::int64_t k = k0; k < end; ++k) {
        std::memcpy(panel + (k * panel_rows + r) * kSize, rows + r * row_bytes + k * kSize, sizeof(T));
      }
    }
  }
}

}  // namespace

void pack_floats(const MatrixView& w, Range panels, int panel_rows, std::byte* packed) {
  const std::int64_t panel_bytes = bytes_of(format_of(w.type), w.cols) * panel_rows;
  const auto pack = w.type == DType::f32 ? pack_panel<std::uint32_t> : pack_panel<std::uint16_t>;
  for (std::int64_t p = panels.begin; p < panels.end; ++p) {
    const std::int64_t row = p * panel_rows;
    const auto n_rows = static_cast<int>(std::min<std::int64_t>(panel_rows, w.rows - row));
    pack(w.data + row * w.row_bytes, w.row_bytes, n_rows, panel_rows, w.cols, packed + p * panel_bytes);
  }
}

}  // namespace llorch::avx2
