#include "backend/cuda/layout.h"

#include <cstddef>

namespace llorch::cuda {
namespace {

std::int64_t aligned(std::int64_t bytes) {
  constexpr std::int64_t kAlign = 256;
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

bool has_layout(DType type) {
  return layout_unit_bytes(type).codes > 0;
}

int layout_steps(DType type, std::int64_t cols) {
  const int step = is_float(type) ? kStep : kUnit;
  return static_cast<int>((cols + step - 1) / step);
}

int layout_tiles(std::int64_t rows) {
  return static_cast<int>((rows + kTileRows - 1) / kTileRows);
}

LayoutBytes layout_bytes(DType type, std::int64_t n_tiles, std::int64_t cols) {
  const LayoutBytes unit = layout_unit_bytes(type);
  constexpr std::int64_t kBlock = kFloatRows / kTileRows;
  const std::int64_t n = (n_tiles + kBlock - 1) / kBlock * kBlock * layout_steps(type, cols);
  return {.codes = aligned(n * unit.codes),
          .high = aligned(n * unit.high),
          .scales = aligned(n * unit.scales),
          .super = aligned(n * unit.super)};
}

DeviceMatrix place_matrix(DType type, std::int64_t rows, std::int64_t cols, const void* data) {
  const LayoutBytes bytes = layout_bytes(type, layout_tiles(rows), cols);
  const auto* at = static_cast<const std::byte*>(data);
  DeviceMatrix matrix{.type = type,
                      .rows = static_cast<int>(rows),
                      .cols = static_cast<int>(cols),
                      .n_steps = layout_steps(type, cols)};
  matrix.codes = at;
  matrix.high = at + bytes.codes;
  matrix.scales = at + bytes.codes + bytes.high;
  matrix.super = at + bytes.codes + bytes.high + bytes.scales;
  return matrix;
}

}  // namespace llorch::cuda
