// CUDA's half-precision type and the conversions that the kernels use; they round to the nearest, ties to even.
#pragma once

#include <bit>
#include <cstdint>

struct __half {
  std::uint16_t bits;
};
struct __half2 {
  __half x, y;
} __attribute__((aligned(4)));

inline __half __ushort_as_half(unsigned short bits) {
  return {bits};
}
inline float __half2float(__half value) {
  return static_cast<float>(std::bit_cast<_Float16>(value.bits));
}
inline __half __float2half_rn(float value) {
  return {std::bit_cast<std::uint16_t>(static_cast<_Float16>(value))};
}
inline __half2 __floats2half2_rn(float x, float y) {
  return {__float2half_rn(x), __float2half_rn(y)};
}
