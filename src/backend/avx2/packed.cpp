#include "backend/avx2/packed.h"

#include <algorithm>
#include <cstring>

#include "backend/avx2/target.h"
#include "base/check.h"
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

/// Where a row's block goes: its lane in the unit's head and in the block's vectors, of panels of R rows.
template <int R>
struct Place {
  std::byte* head;
  std::byte* vectors;
  int lane;

  /// This row's 4 bytes of vector `index`.
  void put(int index, std::uint32_t v) const { std::memcpy(vectors + (index * R + lane) * 4, &v, sizeof v); }
  /// This row's value of the head's run `index` of halves, or of bytes after two runs of halves.
  void put_half(int index, std::uint16_t v) const { std::memcpy(head + (index * R + lane) * 2, &v, sizeof v); }
  void put_byte(int index, int v) const { head[(4 + index) * R + lane] = static_cast<std::byte>(v); }
};

/// 16 bytes that hold weights i (low halves) and i + 16 (high halves), as groups g and g + 4 do.
template <int R>
void put_halves(const Place<R>& to, const std::uint8_t* qs) {
  for (int g = 0; g < 4; ++g) {
    to.put(g, four_bytes(qs + 4 * g));
  }
}

/// 32 bytes with one group of 32 weights in their low (shift 0) or high (4) halves.
template <int R>
void put_group(const Place<R>& to, const std::uint8_t* qs, int shift) {
  for (int g = 0; g < 4; ++g) {
    const std::uint32_t low = four_bytes(qs + 4 * g) >> shift & kLowHalves;
    const std::uint32_t high = four_bytes(qs + 16 + 4 * g) >> shift & kLowHalves;
    to.put(g, low | high << 4);
  }
}

/// Bit i of qh is the fifth of weight i: bit g of group g's bytes.
template <int R>
void put_fifth_bits(const Place<R>& to, const std::uint8_t (&qh)[4]) {
  const std::uint32_t bits = four_bytes(qh);
  std::uint32_t out = 0;
  for (int i = 0; i < 32; ++i) {
    out |= (bits >> i & 1) << (i % 4 * 8 + i / 4);
  }
  to.put(4, out);
}

// How each format's block goes to a unit: put() has 32 weights of it, those of the unit's block b, and their scales.

struct PackQ8_0 {
  using Block = BlockQ8_0;
  template <int R>
  static void put(const Block& block, int b, const Place<R>& to) {
    to.put_half(b, block.d);
    for (int g = 0; g < 8; ++g) {
      to.put(g, four_bytes(block.qs + 4 * g) ^ 0x80808080U);
    }
  }
};

/// Q4_0, IQ4_NL, and with minimums and fifth bits Q4_1, Q5_0 and Q5_1.
template <class From>
struct PackHalves {
  using Block = From;
  template <int R>
  static void put(const Block& block, int b, const Place<R>& to) {
    to.put_half(b, block.d);
    put_halves(to, block.qs);
    if constexpr (requires { block.m; }) {
      to.put_half(2 + b, block.m);
    }
    if constexpr (requires { block.qh; }) {
      put_fifth_bits(to, block.qh);
    }
  }
};

struct PackMxfp4 {
  using Block = BlockMxfp4;
  /// The scale of kTwiceE2m1, 2^(e - 128), is a power of two: its upper 16 bits are all of it.
  template <int R>
  static void put(const Block& block, int b, const Place<R>& to) {
    const std::uint32_t bits = block.e > 1 ? (block.e - 1U) << 23 : 1U << (21 + block.e);
    to.put_half(b, static_cast<std::uint16_t>(bits >> 16));
    put_halves(to, block.qs);
  }
};

/// The scales of Q4_K and Q5_K. Inlined, so that b is known: a compiler that leaves it out costs a tenth of the
/// packing.
template <int R, class Block>
LL_INLINE void put_k_scales(const Block& block, int b, const Place<R>& to) {
  to.put_half(0, block.d);
  to.put_half(1, block.dmin);
  to.put_byte(b, q4_k_scale(block.scales, b));
  to.put_byte(8 + b, q4_k_min(block.scales, b));
}

struct PackQ4_K {
  using Block = BlockQ4_K;
  template <int R>
  static void put(const Block& block, int b, const Place<R>& to) {
    put_k_scales(block, b, to);
    put_group(to, block.qs + b / 2 * Block::kGroup, b % 2 * 4);
  }
};

struct PackQ5_K {
  using Block = BlockQ5_K;
  template <int R>
  static void put(const Block& block, int b, const Place<R>& to) {
    put_k_scales(block, b, to);
    put_group(to, block.qs + b / 2 * Block::kGroup, b % 2 * 4);
    std::uint32_t fifth = 0;
    for (int g = 0; g < 8; ++g) {
      fifth |= (four_bytes(block.qh + 4 * g) >> b & kLowBits) << g;
    }
    to.put(4, fifth);
  }
};

struct PackIQ4_XS {
  using Block = BlockIQ4_XS;
  template <int R>
  static void put(const Block& block, int b, const Place<R>& to) {
    to.put_half(0, block.d);
    to.put_byte(b, iq4_xs_scale(block, b));
    put_halves(to, block.qs + b * Block::kGroup / 2);
  }
};

struct PackQ6_K {
  using Block = BlockQ6_K;
  template <int R>
  static void put(const Block& block, int b, const Place<R>& to) {
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
};

/// The rows of a panel. A block of the file is read once for all its weights.
template <class Pack, const PackedUnit& kUnit, int R>
void pack_rows(const PanelRows& from, std::byte* panel) {
  using Block = typename Pack::Block;
  constexpr int kParts = Block::kLen / 32;  // of a block of the file
  constexpr std::int64_t kUnitRowBytes = kUnit.blocks / kParts * sizeof(Block);
  const std::int64_t n_blocks = from.cols / 32;
  for (std::int64_t first = 0; first < n_blocks; first += kUnit.blocks, panel += kUnit.bytes(R)) {
    const auto n = static_cast<int>(std::min<std::int64_t>(kUnit.blocks, n_blocks - first));
    for (int lane = 0; lane < from.n_rows; ++lane) {
      const std::byte* row = from.rows + lane * from.row_bytes + first / kUnit.blocks * kUnitRowBytes;
      for (int b = 0; b < n; b += kParts) {
        const auto block = load_block<Block>(row + b / kParts * sizeof(Block));
#pragma GCC unroll 8
        for (int part = 0; part < kParts; ++part) {
          Pack::put(block, b + part, Place<R>{panel, panel + kUnit.vectors_at(R, b + part), lane});
        }
      }
    }
  }
}

struct Packer {
  DType type;
  const PackedUnit* unit;
  void (*pack_8)(const PanelRows& from, std::byte* panel);  // panels of 8 rows
  void (*pack_16)(const PanelRows& from, std::byte* panel);
};
template <class Pack, const PackedUnit& kUnit>
constexpr Packer packer(DType type) {
  return {type, &kUnit, pack_rows<Pack, kUnit, 8>, pack_rows<Pack, kUnit, 16>};
}
constexpr Packer kPackers[] = {
    packer<PackQ8_0, kQ8_0Unit>(DType::q8_0),
    packer<PackHalves<BlockQ4_0>, kQ4_0Unit>(DType::q4_0),
    packer<PackHalves<BlockQ4_1>, kQ4_1Unit>(DType::q4_1),
    packer<PackHalves<BlockQ5_0>, kQ5_0Unit>(DType::q5_0),
    packer<PackHalves<BlockQ5_1>, kQ5_1Unit>(DType::q5_1),
    packer<PackHalves<BlockIQ4_NL>, kIQ4_NLUnit>(DType::iq4_nl),
    packer<PackMxfp4, kMxfp4Unit>(DType::mxfp4),
    packer<PackQ4_K, kQ4_KUnit>(DType::q4_k),
    packer<PackQ5_K, kQ5_KUnit>(DType::q5_k),
    packer<PackIQ4_XS, kIQ4_XSUnit>(DType::iq4_xs),
    packer<PackQ6_K, kQ6_KUnit>(DType::q6_k),
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
  LL_CHECK(panel_rows == 8 || panel_rows == 16, "panels have 8 rows or 16");
  if (from.n_rows < panel_rows || from.cols / 32 % unit.blocks != 0) {
    std::memset(panel, 0, static_cast<std::size_t>(unit.units_of(from.cols) * unit.bytes(panel_rows)));
  }
  (panel_rows == 8 ? packer.pack_8 : packer.pack_16)(from, panel);
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
