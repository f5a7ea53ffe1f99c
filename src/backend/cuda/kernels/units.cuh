// Unit: what a lane has of 256 weights of K of its two rows, as layout.h lays them out, in registers: codes as bytes
// for the tensor cores and scales as floats. A code's byte may be the code times a power of two, which its scale takes
// back; so weight = scale * byte - min, with the bits of Format::decode.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "backend/cuda/kernels/device.cuh"
#include "backend/cuda/layout.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/mxfp4/e2m1.h"

namespace llorch::cuda {

inline constexpr int kGroups = kUnit / 32;  // of a unit

__device__ inline std::uint32_t byte_of(std::uint32_t word, int i) {
  return (word >> (8 * i)) & 0xFFU;
}
__device__ inline float half_at(const uint4& words, int i) {
  const std::uint32_t word = i / 2 == 0 ? words.x : i / 2 == 1 ? words.y : i / 2 == 2 ? words.z : words.w;
  return __half2float(__ushort_as_half(static_cast<unsigned short>(i % 2 == 0 ? word & 0xFFFFU : word >> 16)));
}
__device__ inline std::uint32_t word_at(const uint4& words, int i) {
  return i == 0 ? words.x : i == 1 ? words.y : i == 2 ? words.z : words.w;
}
__device__ inline float half_of(std::uint32_t bits) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits)));
}

/// The weights where they were loaded to: codes are read once and need not stay in the L1 cache.
struct DeviceMemory {
  template <class T>
  __device__ static T once(const T* at) {
    return __ldcs(at);
  }
  template <class T>
  __device__ static T again(const T* at) {
    return __ldg(at);
  }
};
/// A copy of them that the kernel made.
struct SharedMemory {
  template <class T>
  __device__ static T once(const T* at) {
    return *at;
  }
  template <class T>
  __device__ static T again(const T* at) {
    return *at;
  }
};

/// Where the parts of a unit of 16 rows begin, and what of them is this lane's.
template <class Memory>
struct UnitPlace {
  const std::byte* codes;
  const std::byte* high;
  const std::byte* scales;
  const std::byte* super;
  int lane;
  /// Element i of what follows `part`.
  template <class T>
  __device__ static T once(const std::byte* part, int i) {
    return Memory::once(reinterpret_cast<const T*>(part) + i);
  }
  template <class T>
  __device__ static T again(const std::byte* part, int i) {
    return Memory::again(reinterpret_cast<const T*>(part) + i);
  }
  /// The same of the lane's row r, 0 or 1.
  template <class T>
  __device__ T of_row(const std::byte* part, int r) const {
    return again<T>(part, lane / 4 + r * 8);
  }
};

/// Unit `unit` of tile `tile`.
template <DType type>
__device__ inline UnitPlace<DeviceMemory> unit_of(const DeviceMatrix& m, int tile, int unit, int lane) {
  constexpr LayoutBytes kBytes = layout_unit_bytes(type);
  const std::int64_t i = static_cast<std::int64_t>(tile) * m.n_steps + unit;
  return {static_cast<const std::byte*>(m.codes) + i * kBytes.codes,
          static_cast<const std::byte*>(m.high) + i * kBytes.high,
          static_cast<const std::byte*>(m.scales) + i * kBytes.scales,
          static_cast<const std::byte*>(m.super) + i * kBytes.super, lane};
}

/// 4-bit codes: word 2 (g % 2) + (0 or 1) of 16 bytes has the operand's registers (0, 1) or (2, 3), low halves of bytes
/// the first; kTable: low 16 bits the first.
struct Nibbles {
  uint4 words[4];
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      words[i] = at.template once<uint4>(at.codes, i * kWarp + at.lane);
    }
  }
  __device__ std::uint32_t pair(int g, int i) const {
    return word_at(words[g / 2], g % 2 * 2 + i);
  }
};

/// Fifth bits: bit i of each byte of a word of two groups belongs to register i % 4 of group i / 4.
struct FifthBits {
  std::uint32_t words[4];
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      words[i] = at.template once<std::uint32_t>(at.high, i * kWarp + at.lane);
    }
  }
  /// The bits of register a of group g, at bit `to` of each byte.
  __device__ std::uint32_t at(int g, int a, int to) const {
    const int from = g % 2 * 4 + a;
    const std::uint32_t moved = from <= to ? words[g / 2] << (to - from) : words[g / 2] >> (from - to);
    return moved & (0x01010101U << to);
  }
};

__device__ inline void plain_nibbles(const Nibbles& n, int g, std::uint32_t (&a)[4]) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    a[2 * i] = n.pair(g, i) & 0x0F0F0F0FU;
    a[2 * i + 1] = (n.pair(g, i) >> 4) & 0x0F0F0F0FU;
  }
}

/// Looks 4 codes up in a table of 16 bytes: permutes of each half of the table, then by the codes' highest bits.
__device__ inline std::uint32_t look_up(std::uint32_t codes, const std::uint32_t (&table)[4]) {
  const std::uint32_t low_bits = codes & 0x7777U;
  const std::uint32_t low = __byte_perm(table[0], table[1], low_bits);
  const std::uint32_t high = __byte_perm(table[2], table[3], low_bits);
  return __byte_perm(low, high, 0x3210U | ((codes >> 1) & 0x4444U));
}

__device__ inline void table_nibbles(const Nibbles& n, int g, const std::uint32_t (&table)[4], std::uint32_t (&a)[4]) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    a[2 * i] = look_up(n.pair(g, i) & 0xFFFFU, table);
    a[2 * i + 1] = look_up(n.pair(g, i) >> 16, table);
  }
}

/// One f16 scale a group: [row] of 16 bytes.
template <int kShift>
struct HalfScales {
  uint4 words[2];
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    words[0] = at.template of_row<uint4>(at.scales, 0);
    words[1] = at.template of_row<uint4>(at.scales, 1);
  }
  __device__ float scale(int g, int /*half*/, int r) const { return half_at(words[r], g) * (1.0F / (1 << kShift)); }
  __device__ float min(int /*g*/, int /*r*/) const { return 0; }
  /// Of group 4 * upper + q, q in 0..3 known when it runs.
  __device__ float scale_at(int upper, int q, int /*half*/, int r) const {
    const std::uint32_t low = upper == 0 ? words[r].x : words[r].z;
    const std::uint32_t high = upper == 0 ? words[r].y : words[r].w;
    return half_of((q < 2 ? low : high) >> (q % 2 * 16) & 0xFFFFU) * (1.0F / (1 << kShift));
  }
};

/// One f16 scale and one f16 addend a group: [row] of 32 bytes.
struct HalfPairs {
  uint4 words[2][2];
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      words[r][0] = at.template again<uint4>(at.scales, (at.lane / 4 + r * 8) * 2);
      words[r][1] = at.template again<uint4>(at.scales, (at.lane / 4 + r * 8) * 2 + 1);
    }
  }
  __device__ float scale(int g, int /*half*/, int r) const {
    return half_of(word_at(words[r][g / 4], g % 4) & 0xFFFFU);
  }
  __device__ float min(int g, int r) const {
    return -half_of(word_at(words[r][g / 4], g % 4) >> 16);
  }
  __device__ std::uint32_t word(int upper, int q, int r) const {
    const uint4& w = words[r][upper];
    return q == 0 ? w.x : q == 1 ? w.y : q == 2 ? w.z : w.w;
  }
  __device__ float scale_at(int upper, int q, int /*half*/, int r) const {
    return half_of(word(upper, q, r) & 0xFFFFU);
  }
  __device__ float min_at(int upper, int q, int r) const {
    return -half_of(word(upper, q, r) >> 16);
  }
};

/// 8 scales and 8 minimums as bytes and their f16 factors: [row] of 16 and of 4 bytes.
struct KScales {
  uint4 words[2];
  std::uint32_t factors[2];
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      words[r] = at.template of_row<uint4>(at.scales, r);
      factors[r] = at.template of_row<std::uint32_t>(at.super, r);
    }
  }
  __device__ float scale(int g, int /*half*/, int r) const {
    return __fmul_rn(half_of(factors[r] & 0xFFFFU), static_cast<float>(byte_of(word_at(words[r], g / 4), g % 4)));
  }
  __device__ float min(int g, int r) const {
    return __fmul_rn(half_of(factors[r] >> 16), static_cast<float>(byte_of(word_at(words[r], 2 + g / 4), g % 4)));
  }
  __device__ float scale_at(int upper, int q, int /*half*/, int r) const {
    return __fmul_rn(half_of(factors[r] & 0xFFFFU), static_cast<float>(byte_of(word_at(words[r], upper), q)));
  }
  __device__ float min_at(int upper, int q, int r) const {
    return __fmul_rn(half_of(factors[r] >> 16), static_cast<float>(byte_of(word_at(words[r], 2 + upper), q)));
  }
};

/// A signed byte at place i of some words.
__device__ inline float signed_byte(std::uint32_t word, int i) {
  return static_cast<float>(static_cast<int>(word << (24 - 8 * i)) >> 24);
}

/// kMin: weights have a minimum. kHalves: a scale for each 16 weights. A scale is a half, or one times a few bits,
/// unless kPowers: it is a power of two.
template <DType type>
struct Unit;

template <>
struct Unit<DType::q8_0> {
  static constexpr bool kMin = false, kHalves = false, kPowers = false;
  uint4 words[8];
  HalfScales<0> s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      words[i] = at.template once<uint4>(at.codes, i * kWarp + at.lane);
    }
    s.load(at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
    a[0] = words[g].x;
    a[1] = words[g].y;
    a[2] = words[g].z;
    a[3] = words[g].w;
  }
};

template <>
struct Unit<DType::q4_0> {
  static constexpr bool kMin = false, kHalves = false, kPowers = false;
  Nibbles n;
  HalfScales<4> s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
    s.load(at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      a[2 * i] = (n.pair(g, i) << 4) & 0xF0F0F0F0U;
      a[2 * i + 1] = n.pair(g, i) & 0xF0F0F0F0U;
    }
  }
};

template <>
struct Unit<DType::q4_1> {
  static constexpr bool kMin = true, kHalves = false, kPowers = false;
  Nibbles n;
  HalfPairs s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
    s.load(at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const { plain_nibbles(n, g, a); }
};

template <>
struct Unit<DType::q4_k> {
  static constexpr bool kMin = true, kHalves = false, kPowers = false;
  Nibbles n;
  KScales s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
    s.load(at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const { plain_nibbles(n, g, a); }
};

template <>
struct Unit<DType::q5_0> {
  static constexpr bool kMin = false, kHalves = false, kPowers = false;
  Nibbles n;
  FifthBits high;
  HalfScales<3> s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
    high.load(at);
    s.load(at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      a[2 * i] = ((n.pair(g, i) << 3) & 0x78787878U) | high.at(g, 2 * i, 7);
      a[2 * i + 1] = ((n.pair(g, i) >> 1) & 0x78787878U) | high.at(g, 2 * i + 1, 7);
    }
  }
};

template <class Scales>
struct FiveBits {
  static constexpr bool kMin = true, kHalves = false, kPowers = false;
  Nibbles n;
  FifthBits high;
  Scales s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
    high.load(at);
    s.load(at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
    plain_nibbles(n, g, a);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      a[i] |= high.at(g, i, 4);
    }
  }
};
template <>
struct Unit<DType::q5_1> : FiveBits<HalfPairs> {};
template <>
struct Unit<DType::q5_k> : FiveBits<KScales> {};

template <>
struct Unit<DType::q6_k> {
  static constexpr bool kMin = false, kHalves = true, kPowers = false;
  struct Scales {
    uint4 words[2];
    float factors[2];
    __device__ float scale(int g, int half, int r) const {
      const int i = 2 * g + half;
      return __fmul_rn(factors[r], signed_byte(word_at(words[r], i / 4), i % 4)) * 0.25F;
    }
    __device__ float scale_at(int upper, int q, int half, int r) const {
      const std::uint32_t word = q < 2 ? word_at(words[r], 2 * upper) : word_at(words[r], 2 * upper + 1);
      return __fmul_rn(factors[r], signed_byte(word, q % 2 * 2 + half)) * 0.25F;
    }
    __device__ float min(int /*g*/, int /*r*/) const { return 0; }
  };
  Nibbles n;
  uint2 high[4];  // x: the even group of a pair; bits 2i, 2i + 1 of each byte belong to register i
  Scales s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      high[i] = at.template once<uint2>(at.high, i * kWarp + at.lane);
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      s.words[r] = at.template of_row<uint4>(at.scales, r);
      s.factors[r] = half_of(at.template of_row<std::uint16_t>(at.super, r));
    }
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
    const std::uint32_t h = g % 2 == 0 ? high[g / 2].x : high[g / 2].y;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      a[2 * i] = (n.pair(g, i) << 2) & 0x3C3C3C3CU;
      a[2 * i + 1] = (n.pair(g, i) >> 2) & 0x3C3C3C3CU;
    }
    a[0] |= (h << 6) & 0xC0C0C0C0U;
    a[1] |= (h << 4) & 0xC0C0C0C0U;
    a[2] |= (h << 2) & 0xC0C0C0C0U;
    a[3] |= h & 0xC0C0C0C0U;
  }
};

/// The values of a table of 16 as four registers.
template <class Table>
__device__ constexpr std::uint32_t table_word(const Table& t, int i) {
  return static_cast<std::uint8_t>(t[4 * i]) |
         static_cast<std::uint32_t>(static_cast<std::uint8_t>(t[4 * i + 1])) << 8 |
         static_cast<std::uint32_t>(static_cast<std::uint8_t>(t[4 * i + 2])) << 16 |
         static_cast<std::uint32_t>(static_cast<std::uint8_t>(t[4 * i + 3])) << 24;
}

__device__ inline void iq4_nibbles(const Nibbles& n, int g, std::uint32_t (&a)[4]) {
  constexpr std::uint32_t kTable[4] = {table_word(kIq4Values, 0), table_word(kIq4Values, 1), table_word(kIq4Values, 2),
                                       table_word(kIq4Values, 3)};
  table_nibbles(n, g, kTable, a);
}

template <>
struct Unit<DType::iq4_nl> {
  static constexpr bool kMin = false, kHalves = false, kPowers = false;
  Nibbles n;
  HalfScales<0> s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
    s.load(at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const { iq4_nibbles(n, g, a); }
};

template <>
struct Unit<DType::iq4_xs> {
  static constexpr bool kMin = false, kHalves = false, kPowers = false;
  struct Scales {
    uint2 words[2];
    float factors[2];
    __device__ float scale(int g, int /*half*/, int r) const {
      return __fmul_rn(factors[r], signed_byte(g / 4 == 0 ? words[r].x : words[r].y, g % 4));
    }
    __device__ float scale_at(int upper, int q, int half, int r) const { return scale(4 * upper + q, half, r); }
    __device__ float min(int /*g*/, int /*r*/) const { return 0; }
  };
  Nibbles n;
  Scales s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      s.words[r] = at.template of_row<uint2>(at.scales, r);
      s.factors[r] = half_of(at.template of_row<std::uint16_t>(at.super, r));
    }
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
    iq4_nibbles(n, g, a);
  }
};

template <>
struct Unit<DType::mxfp4> {
  static constexpr bool kMin = false, kHalves = false, kPowers = true;
  struct Scales {
    uint2 words[2];
    /// 2^(e - 128), also where that is no normal float.
    __device__ float scale(int g, int /*half*/, int r) const {
      const std::uint32_t e = byte_of(g / 4 == 0 ? words[r].x : words[r].y, g % 4);
      return __uint_as_float(e >= 2 ? (e - 1) << 23 : 0x00200000U << e);
    }
    __device__ float scale_at(int upper, int q, int half, int r) const { return scale(4 * upper + q, half, r); }
    __device__ float min(int /*g*/, int /*r*/) const { return 0; }
  };
  Nibbles n;
  Scales s;
  template <class Memory>
  __device__ void load(const UnitPlace<Memory>& at) {
    n.load(at);
    s.words[0] = at.template of_row<uint2>(at.scales, 0);
    s.words[1] = at.template of_row<uint2>(at.scales, 1);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
    constexpr std::uint32_t kTable[4] = {table_word(kTwiceE2m1, 0), table_word(kTwiceE2m1, 1),
                                         table_word(kTwiceE2m1, 2), table_word(kTwiceE2m1, 3)};
    table_nibbles(n, g, kTable, a);
  }
};

}  // namespace llorch::cuda
