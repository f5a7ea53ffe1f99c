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

/// Where a lane's part of unit `unit` of tile `tile` begins.
struct UnitPlace {
  __device__ UnitPlace(const DeviceMatrix& m, int tile, int unit, int lane_)
      : index(static_cast<std::int64_t>(tile) * m.n_steps + unit), lane(lane_), row(lane_ / 4) {}
  std::int64_t index;
  int lane;
  int row;  // and row + 8
};

/// 16 bytes that are read once: they need not stay in the L1 cache.
__device__ inline uint4 load_once(const uint4* at) {
  return __ldcs(at);
}

/// 4-bit codes: word 2 (g % 2) + (0 or 1) of 16 bytes has the operand's registers (0, 1) or (2, 3), low halves of bytes
/// the first; kTable: low 16 bits the first.
struct Nibbles {
  uint4 words[4];
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    const auto* codes = static_cast<const uint4*>(m.codes) + at.index * 4 * kWarp + at.lane;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      words[i] = load_once(codes + i * kWarp);
    }
  }
  __device__ std::uint32_t pair(int g, int i) const {
    return word_at(words[g / 2], g % 2 * 2 + i);
  }
};

/// Fifth bits: bit i of each byte of a word of two groups belongs to register i % 4 of group i / 4.
struct FifthBits {
  std::uint32_t words[4];
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    const auto* high = static_cast<const std::uint32_t*>(m.high) + at.index * 4 * kWarp + at.lane;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      words[i] = __ldcs(high + i * kWarp);
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
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    const auto* scales = static_cast<const uint4*>(m.scales) + at.index * kTileRows + at.row;
    words[0] = __ldg(scales);
    words[1] = __ldg(scales + 8);
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
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    const auto* scales = static_cast<const uint4*>(m.scales) + (at.index * kTileRows + at.row) * 2;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      words[r][0] = __ldg(scales + r * 16);
      words[r][1] = __ldg(scales + r * 16 + 1);
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
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    const std::int64_t row = at.index * kTileRows + at.row;
    const auto* scales = static_cast<const uint4*>(m.scales) + row;
    const auto* super = static_cast<const std::uint32_t*>(m.super) + row;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      words[r] = __ldg(scales + r * 8);
      factors[r] = __ldg(super + r * 8);
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

template <DType type>
struct Unit;

template <>
struct Unit<DType::q8_0> {
  static constexpr bool kMin = false, kHalves = false;
  uint4 words[8];
  HalfScales<0> s;
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    const auto* codes = static_cast<const uint4*>(m.codes) + at.index * 8 * kWarp + at.lane;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      words[i] = load_once(codes + i * kWarp);
    }
    s.load(m, at);
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
  static constexpr bool kMin = false, kHalves = false;
  Nibbles n;
  HalfScales<4> s;
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    s.load(m, at);
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
  static constexpr bool kMin = true, kHalves = false;
  Nibbles n;
  HalfPairs s;
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    s.load(m, at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const { plain_nibbles(n, g, a); }
};

template <>
struct Unit<DType::q4_k> {
  static constexpr bool kMin = true, kHalves = false;
  Nibbles n;
  KScales s;
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    s.load(m, at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const { plain_nibbles(n, g, a); }
};

template <>
struct Unit<DType::q5_0> {
  static constexpr bool kMin = false, kHalves = false;
  Nibbles n;
  FifthBits high;
  HalfScales<3> s;
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    high.load(m, at);
    s.load(m, at);
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
  static constexpr bool kMin = true, kHalves = false;
  Nibbles n;
  FifthBits high;
  Scales s;
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    high.load(m, at);
    s.load(m, at);
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
  static constexpr bool kMin = false, kHalves = true;  // a scale for each 16 weights
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
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    const auto* words = static_cast<const uint2*>(m.high) + at.index * 4 * kWarp + at.lane;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      high[i] = __ldcs(words + i * kWarp);
    }
    const std::int64_t row = at.index * kTileRows + at.row;
    const auto* scales = static_cast<const uint4*>(m.scales) + row;
    const auto* super = static_cast<const __half*>(m.super) + row;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      s.words[r] = __ldg(scales + r * 8);
      s.factors[r] = __half2float(super[r * 8]);
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
  static constexpr bool kMin = false, kHalves = false;
  Nibbles n;
  HalfScales<0> s;
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    s.load(m, at);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const { iq4_nibbles(n, g, a); }
};

template <>
struct Unit<DType::iq4_xs> {
  static constexpr bool kMin = false, kHalves = false;
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
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    const std::int64_t row = at.index * kTileRows + at.row;
    const auto* scales = static_cast<const uint2*>(m.scales) + row;
    const auto* super = static_cast<const __half*>(m.super) + row;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      s.words[r] = __ldg(scales + r * 8);
      s.factors[r] = __half2float(super[r * 8]);
    }
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
    iq4_nibbles(n, g, a);
  }
};

template <>
struct Unit<DType::mxfp4> {
  static constexpr bool kMin = false, kHalves = false;
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
  __device__ void load(const DeviceMatrix& m, const UnitPlace& at) {
    n.load(m, at);
    const auto* scales = static_cast<const uint2*>(m.scales) + at.index * kTileRows + at.row;
    s.words[0] = __ldg(scales);
    s.words[1] = __ldg(scales + 8);
  }
  __device__ void codes(int g, std::uint32_t (&a)[4]) const {
    constexpr std::uint32_t kTable[4] = {table_word(kTwiceE2m1, 0), table_word(kTwiceE2m1, 1),
                                         table_word(kTwiceE2m1, 2), table_word(kTwiceE2m1, 3)};
    table_nibbles(n, g, kTable, a);
  }
};

}  // namespace llorch::cuda
