// The matrix instructions of a warp and of a warpgroup, by the tables of fragments in the PTX ISA ("Matrix Multiply-
// Accumulate Operation"): what each lane's registers hold of A, B and C. Products of floats are added one after the
// other along K in float, alike in the warp's and the warpgroup's instruction; a GPU rounds such sums otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/emulator/machine.h"

namespace llorch::emulator {

enum class Float : std::uint8_t { f16, bf16 };
/// The number that the bits are.
float widen(Float type, std::uint16_t bits);

/// What a lane brings: its registers.
struct MmaOperand {
  const std::uint32_t* a;
  const std::uint32_t* b;
  void* c;  // 4 floats or integers, read and written
};
/// mma.m16n8k16 of floats.
void multiply_f16(void* const* operands, std::uint32_t lanes);
void multiply_bf16(void* const* operands, std::uint32_t lanes);
/// mma.m16n8k32 and m16n8k16 of 8-bit integers.
void multiply_q8(void* const* operands, std::uint32_t lanes);
void multiply_q8_half(void* const* operands, std::uint32_t lanes);

/// ldmatrix.x4: four matrices of 8 rows of 16 bytes.
struct MatrixOperand {
  std::uint32_t* r;  // 4
  const void* at;
};
void load_rows(void* const* operands, std::uint32_t lanes);
void load_columns(void* const* operands, std::uint32_t lanes);

/// wgmma.m64n128k16: d = a b, or d += a b. a and b are descriptors of shared memory without swizzle: first address,
/// bytes to the next 8 of K, bytes to the next 8 rows (of A, of B transposed), each divided by 16, from bits 0, 16, 32.
struct GroupProduct {
  Float type;
  std::uint64_t a, b;
  bool adds;
  float* d;  // 64
};
inline constexpr int kGroupRows = 64;
inline constexpr int kGroupColumns = 128;
/// products[i] is thread i's of the same product.
void multiply_group(const GroupProduct* const* products);

}  // namespace llorch::emulator
