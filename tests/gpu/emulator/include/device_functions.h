// CUDA's functions for kernels, as far as the kernels use them. Those named _rn round once and are fused with nothing.
#pragma once

#include <math.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <source_location>

#include "gpu/emulator/collectives.h"
#include "gpu/emulator/include/vector_types.h"
#include "gpu/emulator/machine.h"

/// The thread that runs now.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

using EmulatedPlace = std::source_location;

inline void __syncthreads(const EmulatedPlace& at = EmulatedPlace::current()) {
  llorch::emulator::meet_block({"__syncthreads", at});
}
inline void __syncwarp(unsigned int lanes = 0xFFFFFFFFU, const EmulatedPlace& at = EmulatedPlace::current()) {
  llorch::emulator::sync_warp(lanes, at);
}

inline int emulated_lane() {
  return llorch::emulator::thread_number() % llorch::emulator::kWarpLanes;
}

template <class T>
T __shfl_sync(unsigned int lanes, T value, int from, const EmulatedPlace& at = EmulatedPlace::current()) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = llorch::emulator::shuffle(lanes, bits, from, at);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <class T>
T __shfl_xor_sync(unsigned int lanes, T value, int mask, const EmulatedPlace& at = EmulatedPlace::current()) {
  return __shfl_sync(lanes, value, emulated_lane() ^ mask, at);
}
template <class T>
T __shfl_down_sync(unsigned int lanes, T value, int by, const EmulatedPlace& at = EmulatedPlace::current()) {
  const int from = emulated_lane() + by;
  return __shfl_sync(lanes, value, from < llorch::emulator::kWarpLanes ? from : emulated_lane(), at);
}

inline unsigned int __ballot_sync(unsigned int lanes, bool value, const EmulatedPlace& at = EmulatedPlace::current()) {
  return llorch::emulator::vote(lanes, value, at);
}
inline bool __all_sync(unsigned int lanes, bool value, const EmulatedPlace& at = EmulatedPlace::current()) {
  return llorch::emulator::vote(lanes, value, at) == lanes;
}
inline bool __any_sync(unsigned int lanes, bool value, const EmulatedPlace& at = EmulatedPlace::current()) {
  return llorch::emulator::vote(lanes, value, at) != 0;
}

/// No other thread runs in between.
inline unsigned int atomicAdd(unsigned int* to, unsigned int value) {
  const unsigned int before = *to;
  *to = before + value;
  return before;
}

template <class T>
T __ldg(const T* at) {
  return *at;
}
template <class T>
T __ldcs(const T* at) {
  return *at;
}

/// Byte i of the result is byte (s >> 4 i) & 7 of x (0 to 3) and y (4 to 7); bit 3 spreads that byte's sign.
inline unsigned int __byte_perm(unsigned int x, unsigned int y, unsigned int s) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(y) << 32 | x;
  unsigned int result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned int selector = s >> (4 * i) & 0xFU;
    const auto byte = static_cast<unsigned int>(bytes >> (8 * (selector & 7U)) & 0xFFU);
    const unsigned int sign = (byte & 0x80U) != 0 ? 0xFFU : 0U;
    result |= ((selector & 8U) != 0 ? sign : byte) << (8 * i);
  }
  return result;
}

inline float __int_as_float(int bits) {
  return __builtin_bit_cast(float, bits);
}
inline float __uint_as_float(unsigned int bits) {
  return std::bit_cast<float>(bits);
}
inline float __int2float_rn(int value) {
  return static_cast<float>(value);
}
/// Ties to even, saturated, 0 for NaN.
inline int __float2int_rn(float value) {
  if (!(value == value)) {
    return 0;
  }
  return value >= 2147483648.0F ? INT32_MAX : value < -2147483648.0F ? INT32_MIN : static_cast<int>(rintf(value));
}

/// A value that the compiler fuses with nothing.
template <class T>
T emulated_rounded(T value) {
#if defined(__x86_64__)
  asm("" : "+x"(value));
#elif defined(__aarch64__)
  asm("" : "+w"(value));
#else
  asm("" : "+m"(value));
#endif
  return value;
}
inline float __fmul_rn(float a, float b) {
  return emulated_rounded(a * b);
}
inline float __fadd_rn(float a, float b) {
  return emulated_rounded(emulated_rounded(a) + emulated_rounded(b));
}
inline float __fsub_rn(float a, float b) {
  return emulated_rounded(emulated_rounded(a) - emulated_rounded(b));
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __fmaf_rn(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
inline double __dmul_rn(double a, double b) {
  return emulated_rounded(a * b);
}
inline double __dadd_rn(double a, double b) {
  return emulated_rounded(emulated_rounded(a) + emulated_rounded(b));
}

inline int min(int a, int b) {
  return b < a ? b : a;
}
inline int max(int a, int b) {
  return a < b ? b : a;
}
