// The emulated device's kernels/ptx.cuh: what the real one says by instructions, by the emulator. This folder comes
// before src/ where the emulated kernels are built.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <source_location>

#include "gpu/emulator/copies.h"
#include "gpu/emulator/machine.h"
#include "gpu/emulator/matrix_units.h"
#include "gpu/emulator/shared_memory.h"
#include "gpu/emulator/warpgroups.h"

#define LL_DYNAMIC_SHARED(type, name) auto* name = reinterpret_cast<type*>(::llorch::emulator::shared_memory())

namespace llorch::cuda {

using Place = std::source_location;

/// Kernels run one after the other: there is nothing to wait for.
inline void wait_for_inputs() {}

inline void copy_async(void* to, const void* from) {
  emulator::copy(to, from, true);
}
inline void copy_async(void* to, const void* from, bool there) {
  emulator::copy(to, from, there);
}
inline void commit_copies() {
  emulator::commit_copies();
}
template <int n>
void wait_copies() {
  emulator::wait_copies(n);
}

/// A collective of a whole warp.
inline void with_warp(const char* name, const Place& at, const void* operand, emulator::Compute compute) {
  emulator::meet_warp({name, at}, ~0U, const_cast<void*>(operand), compute);
}

inline void load_matrices(std::uint32_t (&r)[4], const void* from, const Place& at = Place::current()) {
  const emulator::MatrixOperand own{r, from};
  with_warp("ldmatrix", at, &own, emulator::load_rows);
}
inline void load_transposed(std::uint32_t (&r)[4], const void* from, const Place& at = Place::current()) {
  const emulator::MatrixOperand own{r, from};
  with_warp("ldmatrix.trans", at, &own, emulator::load_columns);
}

inline void mma_q8(int (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                   const Place& at = Place::current()) {
  const std::uint32_t b[2] = {b0, b1};
  const emulator::MmaOperand own{a, b, c};
  with_warp("mma.m16n8k32.s8", at, &own, emulator::multiply_q8);
}
inline void mma_q8_half(int (&c)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t b,
                        const Place& at = Place::current()) {
  const std::uint32_t a[2] = {a0, a1};
  const emulator::MmaOperand own{a, &b, c};
  with_warp("mma.m16n8k16.s8", at, &own, emulator::multiply_q8_half);
}
template <bool bf16>
void mma_float(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
               const Place& at = Place::current()) {
  const std::uint32_t b[2] = {b0, b1};
  const emulator::MmaOperand own{a, b, c};
  with_warp("mma.m16n8k16", at, &own, bf16 ? emulator::multiply_bf16 : emulator::multiply_f16);
}

/// What is too small for a normal float is 0.
inline float power_of_2(float x) {
  const float y = exp2f(x);
  return y < FLT_MIN ? 0.0F : y;
}

inline std::uint64_t describe(const void* at, int next_k, int next_rows) {
  return emulator::shared_offset(at) >> 4 | static_cast<std::uint64_t>(next_k / 16) << 16 |
         static_cast<std::uint64_t>(next_rows / 16) << 32;
}
template <bool bf16>
void multiply_group(float (&d)[16][4], std::uint64_t a, std::uint64_t b, int add) {
  emulator::add_product({bf16 ? emulator::Float::bf16 : emulator::Float::f16, a, b, add != 0, d[0]});
}
/// The sums' memory is the emulator's to write anyway.
inline void fence_registers(float (&/*d*/)[16][4]) {}
inline void show_copies_to_products() {
  emulator::show_copies();
}
inline void begin_products() {
  emulator::begin_products();
}
inline void commit_products() {
  emulator::commit_products();
}
template <int n>
void wait_products(const Place& at = Place::current()) {
  emulator::wait_products(n, at);
}

}  // namespace llorch::cuda
