#include "backend/avx512/packed.h"

#include <algorithm>
#include <cstring>

#include "quant/block.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q6_k/q6_k.h"
#include "quant/q8_0/q8_0.h"

namespace llorch::avx512 {
namespace {

constexpr std::uint32_t kLowHalves = 0x0f0f0f0fU;
constexpr std::uint32_t kLowQuarters = 0x03030303U;

std::uint32_t four_bytes(const void* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Lane `lane` of vector `index`.
void put(std::byte* vectors, int index, int lane, std::uint32_t v) {
  std::memcpy(vectors + index * kVectorBytes + lane * 4, &v, sizeof v);
}

void put_half(std::byte* halves, int lane, std::uint16_t v) {
  std::memcpy(halves + lane * 2, &v, sizeof v);
}

/// Block b of a unit begins here.
std::byte* vectors_of(const PackedUnit& unit, std::byte* out, int b) {
  return out + unit.head_bytes + b * unit.vectors * kVectorBytes;
}

void pack_q8_0(const std::byte* row, int lane, std::byte* out) {
  for (int b = 0; b < kQ8_0Unit.blocks; ++b, row += sizeof(BlockQ8_0)) {
    const auto block = load_block<BlockQ8_0>(row);
    put_half(out + b * 2 * kPanelRows, lane, block.d);
    for (int g = 0; g < 8; ++g) {
      put(vectors_of(kQ8_0Unit, out, b), g, lane, four_bytes(block.qs + 4 * g) ^ 0x80808080U);
    }
  }
}

/// Q4_0's bytes hold weights i and i + 16 already, as groups g and g + 4 do.
void pack_q4_0(const std::byte* row, int lane, std::byte* out) {
  for (int b = 0; b < kQ4_0Unit.blocks; ++b, row += sizeof(BlockQ4_0)) {
    const auto block = load_block<BlockQ4_0>(row);
    put_half(out + b * 2 * kPanelRows, lane, block.d);
    for (int g = 0; g < 4; ++g) {
      put(vectors_of(kQ4_0Unit, out, b), g, lane, four_bytes(block.qs + 4 * g));
    }
  }
}

void pack_q4_k(const std::byte* row, int lane, std::byte* out) {
  const auto block = load_block<BlockQ4_K>(row);
  put_half(out, lane, block.d);
  put_half(out + 2 * kPanelRows, lane, block.dmin);
  for (int b = 0; b < kQ4_KUnit.blocks; ++b) {
    out[64 + b * kPanelRows + lane] = static_cast<std::byte>(q4_k_scale(block.scales, b));
    out[64 + (8 + b) * kPanelRows + lane] = static_cast<std::byte>(q4_k_min(block.scales, b));
    const std::uint8_t* qs = block.qs + b / 2 * BlockQ4_K::kGroup;
    const int shift = b % 2 * 4;
    for (int g = 0; g < 4; ++g) {
      const std::uint32_t low = four_bytes(qs + 4 * g) >> shift & kLowHalves;
      const std::uint32_t high = four_bytes(qs + 16 + 4 * g) >> shift & kLowHalves;
      put(vectors_of(kQ4_KUnit, out, b), g, lane, low | high << 4);
    }
  }
}

void pack_q6_k(const std::byte* row, int lane, std::byte* out) {
  const auto block = load_block<BlockQ6_K>(row);
  put_half(out, lane, block.d);
  for (int s = 0; s < 16; ++s) {
    out[64 + s * kPanelRows + lane] = static_cast<std::byte>(block.scales[s]);
  }
  for (int b = 0; b < kQ6_KUnit.blocks; ++b) {
    const Q6KPlace at = q6_k_at(b * 32);
    std::byte* vectors = vectors_of(kQ6_KUnit, out, b);
    std::uint32_t upper[2] = {};
    for (int g = 0; g < 4; ++g) {
      const std::uint32_t low = four_bytes(block.ql + at.low + 4 * g) >> at.low_shift & kLowHalves;
      const std::uint32_t high = four_bytes(block.ql + at.low + 16 + 4 * g) >> at.low_shift & kLowHalves;
      put(vectors, g, lane, low | high << 4);
    }
    for (int g = 0; g < 8; ++g) {
      upper[g % 2] |= (four_bytes(block.qh + at.high + 4 * g) >> at.high_shift & kLowQuarters) << g / 2 * 2;
    }
    put(vectors, 4, lane, upper[0]);
    put(vectors, 5, lane, upper[1]);
  }
}

using PackRow = void (*)(const std::byte* row, int lane, std::byte* unit);

PackRow pack_row(DType type) {
  return type == DType::q8_0   ? pack_q8_0
         : type == DType::q4_0 ? pack_q4_0
         : type == DType::q4_k ? pack_q4_k
                               : pack_q6_k;
}

}  // namespace

const PackedUnit* packed_unit(DType type) {
  switch (type) {
    case DType::q8_0:
      return &kQ8_0Unit;
    case DType::q4_0:
      return &kQ4_0Unit;
    case DType::q4_k:
      return &kQ4_KUnit;
    case DType::q6_k:
      return &kQ6_KUnit;
    default:
      return nullptr;
  }
}

std::int64_t packed_row_bytes(DType type, std::int64_t cols) {
  const PackedUnit* unit = packed_unit(type);
  const std::int64_t unit_cols = unit == nullptr ? 1 : unit->blocks * 32;
  return unit == nullptr || cols % unit_cols != 0 ? 0 : cols / unit_cols * unit->bytes() / kPanelRows;
}

void pack_panel(DType type, const std::byte* rows, std::int64_t row_bytes, int n_rows, std::int64_t n_units,
                std::byte* panel) {
  const PackedUnit& unit = *packed_unit(type);
  const std::int64_t unit_row_bytes = bytes_of(format_of(type), unit.blocks * 32);
  const PackRow pack_one = pack_row(type);
  if (n_rows < kPanelRows) {
    std::memset(panel, 0, static_cast<std::size_t>(n_units * unit.bytes()));
  }
  for (std::int64_t u = 0; u < n_units; ++u) {
    for (int lane = 0; lane < n_rows; ++lane) {
      pack_one(rows + lane * row_bytes + u * unit_row_bytes, lane, panel + u * unit.bytes());
    }
  }
}

void pack(const MatrixView& w, Range panels, std::byte* packed) {
  const PackedUnit& unit = *packed_unit(w.type);
  const std::int64_t panel_bytes = packed_row_bytes(w.type, w.cols) * kPanelRows;
  for (std::int64_t p = panels.begin; p < panels.end; ++p) {
    const std::int64_t row = p * kPanelRows;
    const auto n_rows = static_cast<int>(std::min<std::int64_t>(kPanelRows, w.rows - row));
    pack_panel(w.type, w.data + row * w.row_bytes, w.row_bytes, n_rows, w.cols / (unit.blocks * 32),
               packed + p * panel_bytes);
  }
}

}  // namespace llorch::avx512
