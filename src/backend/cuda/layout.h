// How a matrix lies in device memory: in the order in which tensor cores take it, so that a warp reads 512 bytes in a
// row and no value is moved twice. Made from the file's blocks at load (kernels/pack_weights.cu).
//
// Rows lie in tiles of kTileRows, K in units of kUnit for block formats and in steps of kStep for floats; what is
// missing at either end is zero. Lane l of a warp has rows l / 4 and l / 4 + 8 of a tile, and of each 32 weights of K
// the eight at 4 (l % 4) + {0, 1, 2, 3, 16, 17, 18, 19} (block formats: the A operand of mma.m16n8k32), of each 16 the
// four at 2 (l % 4) + {0, 1, 8, 9} (floats: mma.m16n8k16). F16 and BF16 lie as matrices of 8 rows of 16 bytes in blocks
// of kFloatRows rows and a step of K, as warpgroup products and ldmatrix read them.
#pragma once

#include <cstdint>

#include "quant/formats.h"

namespace llorch::cuda {

inline constexpr int kTileRows = 16;
inline constexpr int kUnit = 256;
inline constexpr int kStep = 64;
inline constexpr int kFloatRows = 64;
inline constexpr int kTokenTile = 8;  // tokens of one product of a tensor core

/// Device pointers. Block formats: `codes` are [tile, unit, 4 or (Q8_0) 8, lane] of 16 bytes, two groups of 32 weights
/// a 16 bytes of 4-bit codes; `high` their fifth and sixth bits; `scales` [tile, unit, row] what a unit's 8 groups
/// have; `super` [tile, unit, row] what a whole block of 256 has. F16, BF16: `codes` are [block of kFloatRows,
/// step, 8 times 8 of K, 8 times 8 rows, row] of 16 bytes. F32: [tile, step, 4, lane] of 32 bytes.
struct DeviceMatrix {
  DType type = DType::f32;
  int rows = 0;
  int cols = 0;
  int n_steps = 0;  // units, or steps
  const void* codes = nullptr;
  const void* high = nullptr;
  const void* scales = nullptr;
  const void* super = nullptr;
};

struct LayoutBytes {
  std::int64_t codes = 0;
  std::int64_t high = 0;
  std::int64_t scales = 0;
  std::int64_t super = 0;
  constexpr std::int64_t total() const { return codes + high + scales + super; }
};

constexpr bool is_float(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16;
}
/// False: there are no kernels for this format.
bool has_layout(DType type);
/// Bytes that a unit of 16 rows, or a step of floats, takes in each part, multiples of 16; codes 0: no layout.
constexpr LayoutBytes layout_unit_bytes(DType type) {
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
/// Units or steps of a row of `cols` weights.
int layout_steps(DType type, std::int64_t cols);
int layout_tiles(std::int64_t rows);
/// Bytes of `n_tiles` tiles, filled up to whole blocks of rows; each part is a multiple of 256.
LayoutBytes layout_bytes(DType type, std::int64_t n_tiles, std::int64_t cols);
/// The parts of a matrix one after the other at `data`.
DeviceMatrix place_matrix(DType type, std::int64_t rows, std::int64_t cols, const void* data);

}  // namespace llorch::cuda
