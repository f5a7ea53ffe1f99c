#include "backend/avx2/packed.h"

#include <algorithm>
#include <cstring>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/iq4_xs/iq4_xs.h"
#include "quant/mxfp4/mxfp4.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q4_1/q4_1.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q5_0/q5_0.h"
#include "quant/q5_1/q5_1.h"
#include "quant/q5_k/q5_k.h"
#include "quant/q6_k/q6_k.h"
#include "quant/q8_0/q8_0.h"

namespace llorch::avx2 {
namespace {

constexpr std::uint32_t kLowHalves = 0x0f0f0f0fU;
constexpr std::uint32_t kLowQuarters = 0x03030303U;
constexpr std::uint32_t kLowBits = 0x01010101U;

std::uint32_t four_bytes(const void* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Where a row's block goes: its lane in the unit's head and in the block's vectors.
struct Place {
  std::byte* head;
  std::byte* vectors;
  int lane;
  int panel_rows;

  /// This row's 4 bytes of vector `index`.
  void put(int index, std::uint32_t v) const { std::memcpy(vectors + (index * panel_rows + lane) * 4, &v, sizeof v); }
  /// This row's value of the head's run `index` of halves, or of bytes after two runs of halves.
  void put_half(int index, std::uint16_t v) const { std::memcpy(head + (index * panel_rows + lane) * 2, &v, sizeof v); }
  void put_byte(int index, int v) const { head[(4 + index) * panel_rows + lane] = static_cast<std::byte>(v); }
};

/// 16 bytes that hold weights i (low halves) and i + 16 (high halves), as groups g and g + 4 do.
void put_halves(const Place& to, const std::uint8_t* qs) {
  for (int g = 0; g < 4; ++g) {
    to.put(g, four_bytes(qs + 4 * g));
  }
}

/// 32 bytes with one group of 32 weights in their low (shift 0) or high (4) halves.
void put_group(const Place& to, const std::uint8_t* qs, int shift) {
  for (int g = 0; g < 4; ++g) {
    const std::uint32_t low = four_bytes(qs + 4 * g) >> shift & kLowHalves;
    const std::uint32_t high = four_bytes(qs + 16 + 4 * g) >> shift & kLowHalves;
    to.put(g, low | high << 4);
  }
}

// Each packs block b of a unit from where the unit begins in a row: its 32 weights, and the scales that they need.

void pack_q8_0(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ8_0>(row + b * sizeof(BlockQ8_0));
  to.put_half(b, block.d);
  for (int g = 0; g < 8; ++g) {
    to.put(g, four_bytes(block.qs + 4 * g) ^ 0x80808080U);
  }
}

void pack_q4_0(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ4_0>(row + b * sizeof(BlockQ4_0));
  to.put_half(b, block.d);
  put_halves(to, block.qs);
}

void pack_q4_1(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ4_1>(row + b * sizeof(BlockQ4_1));
  to.put_half(b, block.d);
  to.put_half(2 + b, block.m);
  put_halves(to, block.qs);
}

/// Bit i of qh is the fifth of weight i: bit g of group g's bytes.
void put_fifth_bits(const Place& to, const std::uint8_t (&qh)[4]) {
  const std::uint32_t bits = four_bytes(qh);
  std::uint32_t out = 0;
  for (int i = 0; i < 32; ++i) {
    out |= (bits >> i & 1) << (i % 4 * 8 + i / 4);
  }
  to.put(4, out);
}

void pack_q5_0(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ5_0>(row + b * sizeof(BlockQ5_0));
  to.put_half(b, block.d);
  put_halves(to, block.qs);
  put_fifth_bits(to, block.qh);
}

void pack_q5_1(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ5_1>(row + b * sizeof(BlockQ5_1));
  to.put_half(b, block.d);
  to.put_half(2 + b, block.m);
  put_halves(to, block.qs);
  put_fifth_bits(to, block.qh);
}

void pack_iq4_nl(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockIQ4_NL>(row + b * sizeof(BlockIQ4_NL));
  to.put_half(b, block.d);
  put_halves(to, block.qs);
}

/// The scale of kTwiceE2m1, 2^(e - 128), is a power of two: its upper 16 bits are all of it.
void pack_mxfp4(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockMxfp4>(row + b * sizeof(BlockMxfp4));
  const std::uint32_t bits = block.e > 1 ? (block.e - 1U) << 23 : 1U << (21 + block.e);
  to.put_half(b, static_cast<std::uint16_t>(bits >> 16));
  put_halves(to, block.qs);
}

/// The scales of Q4_K and Q5_K.
template <class Block>
void put_k_scales(const Block& block, int b, const Place& to) {
  to.put_half(0, block.d);
  to.put_half(1, block.dmin);
  to.put_byte(b, q4_k_scale(block.scales, b));
  to.put_byte(8 + b, q4_k_min(block.scales, b));
}

void pack_q4_k(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ4_K>(row);
  put_k_scales(block, b, to);
  put_group(to, block.qs + b / 2 * BlockQ4_K::kGroup, b % 2 * 4);
}

void pack_q5_k(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ5_K>(row);
  put_k_scales(block, b, to);
  put_group(to, block.qs + b / 2 * BlockQ5_K::kGroup, b % 2 * 4);
  std::uint32_t fifth = 0;
  for (int g = 0; g < 8; ++g) {
    fifth |= (four_bytes(block.qh + 4 * g) >> b & kLowBits) << g;
  }
  to.put(4, fifth);
}

void pack_iq4_xs(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockIQ4_XS>(row);
  to.put_half(0, block.d);
  to.put_byte(b, iq4_xs_scale(block, b));
  put_halves(to, block.qs + b * BlockIQ4_XS::kGroup / 2);
}

void pack_q6_k(const std::byte* row, int b, const Place& to) {
  const auto block = load_block<BlockQ6_K>(row);
  to.put_half(0, block.d);
  to.put_byte(2 * b, block.scales[2 * b]);
  to.put_byte(2 * b + 1, block.scales[2 * b + 1]);
  const Q6KPlace at = q6_k_at(b * 32);
  put_group(to, block.ql + at.low, at.low_shift);
  std::uint32_t upper[2] = {};
  for (int g = 0; g < 8; ++g) {
    upper[g % 2] |= (four_bytes(block.qh + at.high + 4 * g) >> at.high_shift & kLowQuarters) << g / 2 * 2;
  }
  to.put(4, upper[0]);
  to.put(5, upper[1]);
}

struct Packer {
  DType type;
  const PackedUnit* unit;
  void (*pack_block)(const std::byte* row, int b, const Place& to);
};
constexpr Packer kPackers[] = {
    {DType::q8_0, &kQ8_0Unit, pack_q8_0},    {DType::q4_0, &kQ4_0Unit, pack_q4_0},
    {DType::q4_1, &kQ4_1Unit, pack_q4_1},    {DType::q5_0, &kQ5_0Unit, pack_q5_0},
    {DType::q5_1, &kQ5_1Unit, pack_q5_1},    {DType::iq4_nl, &kIQ4_NLUnit, pack_iq4_nl},
    {DType::mxfp4, &kMxfp4Unit, pack_mxfp4}, {DType::q4_k, &kQ4_KUnit, pack_q4_k},
    {DType::q5_k, &kQ5_KUnit, pack_q5_k},    {DType::iq4_xs, &kIQ4_XSUnit, pack_iq4_xs},
    {DType::q6_k, &kQ6_KUnit, pack_q6_k},
};

const Packer* packer_of(DType type) {
  const auto* at =
      std::find_if(std::begin(kPackers), std::end(kPackers), [&](const Packer& p) { return p.type == type; });
  return at == std::end(kPackers) ? nullptr : at;
}

}  // namespace

const PackedUnit* packed_unit(DType type) {
  const Packer* packer = packer_of(type);
  return packer == nullptr ? nullptr : packer->unit;
}

std::int64_t packed_row_bytes(DType type, std::int64_t cols) {
  const PackedUnit* unit = packed_unit(type);
  return unit == nullptr ? 0 : unit->units_of(cols) * unit->bytes(1);
}

void pack_panel(DType type, const PanelRows& from, int panel_rows, std::byte* panel) {
  const Packer& packer = *packer_of(type);
  const PackedUnit& unit = *packer.unit;
  const std::int64_t unit_row_bytes = bytes_of(format_of(type), unit.blocks * 32);
  const std::int64_t n_blocks = from.cols / 32;
  if (from.n_rows < panel_rows || n_blocks % unit.blocks != 0) {
    std::memset(panel, 0, static_cast<std::size_t>(unit.units_of(from.cols) * unit.bytes(panel_rows)));
  }
  for (std::int64_t block = 0; block < n_blocks; ++block) {
    const auto b = static_cast<int>(block % unit.blocks);
    std::byte* head = panel + block / unit.blocks * unit.bytes(panel_rows);
    for (int lane = 0; lane < from.n_rows; ++lane) {
      packer.pack_block(from.rows + lane * from.row_bytes + block / unit.blocks * unit_row_bytes, b,
                        {head, head + unit.vectors_at(panel_rows, b), lane, panel_rows});
    }
  }
}

void pack(const MatrixView& w, Range panels, int panel_rows, std::byte* packed) {
  const std::int64_t panel_bytes = packed_row_bytes(w.type, w.cols) * panel_rows;
  for (std::int64_t p = panels.begin; p < panels.end; ++p) {
    const std::int64_t row = p * panel_rows;
    const auto n_rows = static_cast<int>(std::min<std::int64_t>(panel_rows, w.rows - row));
    pack_panel(w.type, {w.data + row * w.row_bytes, w.row_bytes, n_rows, w.cols}, panel_rows, packed + p * panel_bytes);
  }
}

}  // namespace llorch::avx2
