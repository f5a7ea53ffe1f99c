#include "backend/cuda/layout.h"

#include <cstddef>

namespace llorch::cuda {
namespace {

std::int64_t aligned(std::int64_t bytes) {
  constexpr std::int64_t kAlign = 256;
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

LayoutBytes layout_unit_bytes(DType type) {
  constexpr int kLanes = 32;
  constexpr int kNibbles = 4 * kLanes * 16;
  switch (type) {
    case DType::f32:
      return {4 * kLanes * 32, 0, 0, 0};
    case DType::f16:
    case DType::bf16:
      return {4 * kLanes * 16, 0, 0, 0};
    case DType::q8_0:
      return {2 * kNibbles, 0, kTileRows * 16, 0};
    case DType::q4_0:
    case DType::iq4_nl:
      return {kNibbles, 0, kTileRows * 16, 0};
    case DType::q4_1:
      return {kNibbles, 0, kTileRows * 32, 0};
    case DType::q5_0:
      return {kNibbles, 4 * kLanes * 4, kTileRows * 16, 0};
    case DType::q5_1:
      return {kNibbles, 4 * kLanes * 4, kTileRows * 32, 0};
    case DType::q4_k:
      return {kNibbles, 0, kTileRows * 16, kTileRows * 4};
    case DType::q5_k:
      return {kNibbles, 4 * kLanes * 4, kTileRows * 16, kTileRows * 4};
    case DType::q6_k:
      return {kNibbles, 4 * kLanes * 8, kTileRows * 16, kTileRows * 2};
    case DType::iq4_xs:
      return {kNibbles, 0, kTileRows * 8, kTileRows * 2};
    case DType::mxfp4:
      return {kNibbles, 0, kTileRows * 8, 0};
    default:
      return {};
  }
}

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
