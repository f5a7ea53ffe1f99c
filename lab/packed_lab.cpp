// Weights repacked at load: what a layout made for the multiplier is worth against the file's own rows, on AVX-512
// VNNI.
//   packed_lab [threads] [rows] [cols]
//
// A panel is 16 rows in the 16 lanes, its k one after the other, so that a product reads one stream: scales first, then
// bytes or halves of bytes with 4 k of a row in a lane. Weights are unsigned, activations signed and broadcast; what
// the offset of the weights adds (128, 8 or 32 times the sum of x) is taken back by the start of the integer sum. One
// output is one chain: for each block of 32 fma(weight scale * x scale, integer dot, sum), then the minimum's part; its
// order is that of ref/matmul.cpp, so 1 row or 512 rows of x give the same bits.
//
// Each line: a format, rows of x, GB/s of weights and their share of the read speed, Gop/s and their share of the 8-bit
// peak, and whether every output has the bits of the plain loop.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "backend/roof/roof.h"
#include "base/threads.h"
#include "quant/block.h"
#include "quant/formats.h"
#include "quant/half.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q6_k/q6_k.h"
#include "quant/q8_0/q8_0.h"
#include "quant/sample_blocks.h"

#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")

namespace llorch {
namespace {

using Floats = __m512;
using Ints = __m512i;
#define LL_INLINE inline __attribute__((always_inline))

constexpr int kLanes = 16;
constexpr int kBlock = 32;       // k of one scale of x
constexpr int kGroups = 8;       // of 4 k in a block
constexpr int kVector = 64;      // bytes
constexpr int kAhead = 8 << 10;  // bytes between what is used and what is fetched
constexpr int kPiece = 16;       // blocks that are unpacked at once
constexpr int kTokens = 6;       // x rows and panels of a tile
constexpr int kPanels = 2;
constexpr int kTokenBlock = 192;

/// One block of 32 k of a row, as every format says it: weight = scale[i / 16] * (q - offset) - min.
struct PlainBlock {
  std::uint8_t q[kBlock];
  float scale[2];
  float min;
};

/// x in 8 bits.
struct Rows8 {
  int m = 0;
  int n_blocks = 0;
  std::vector<std::int8_t> q;      // [m, n_blocks * 32]
  std::vector<float> scale;        // [m, n_blocks]
  std::vector<float> scaled_sum;   // [m, n_blocks] scale * sum of q
  std::vector<std::int32_t> sums;  // [m, 2 * n_blocks] of each 16
};

// --- formats: the packed layout of a panel, and one block of it in registers ---

struct Unpacked {
  Ints w[kGroups];
  Floats scale[2];
  Floats min;
};

LL_INLINE Ints load_ints(const std::byte* p) {
  return _mm512_loadu_si512(p);
}
LL_INLINE Floats halves(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
LL_INLINE Floats bytes_u8(const std::byte* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
LL_INLINE Floats bytes_i8(const std::byte* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
LL_INLINE void nibbles(const std::byte* p, Ints* w) {
  const Ints low = _mm512_set1_epi8(15);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const Ints v = load_ints(p + i * kVector);
    w[i] = _mm512_and_si512(v, low);
    w[4 + i] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
  }
}
void put_nibble(std::byte* p, int group, int lane, int j, int q) {
  p[group % 4 * kVector + lane * 4 + j] |= static_cast<std::byte>(q << group / 4 * 4);
}

struct Q8_0 {
  static constexpr DType kType = DType::q8_0;
  static constexpr int kOffset = 128, kScales = 1;
  static constexpr bool kMin = false;
  static constexpr int kUnit = 2;  // blocks
  static constexpr int kUnitBytes = kVector + kUnit * kGroups * kVector;
  static PlainBlock plain(const std::byte* row, int b) {
    const auto block = load_block<BlockQ8_0>(row + b * 34);
    PlainBlock out{{}, {f16_to_f32(block.d), 0}, 0};
    for (int i = 0; i < kBlock; ++i) {
      out.q[i] = static_cast<std::uint8_t>(block.qs[i] + 128);
    }
    return out;
  }
  static void pack(const std::byte* row, int b, int lane, std::byte* unit) {
    const int in = b % kUnit;
    std::memcpy(unit + in * 32 + lane * 2, row + b * 34, 2);
    const PlainBlock p = plain(row, b);
    for (int i = 0; i < kBlock; ++i) {
      unit[kVector + (in * kGroups + i / 4) * kVector + lane * 4 + i % 4] = static_cast<std::byte>(p.q[i]);
    }
  }
  static LL_INLINE void unpack(const std::byte* unit, int in, Unpacked& u) {
    u.scale[0] = halves(unit + in * 32);
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      u.w[g] = load_ints(unit + kVector + (in * kGroups + g) * kVector);
    }
  }
};

struct Q4_0 {
  static constexpr DType kType = DType::q4_0;
  static constexpr int kOffset = 8, kScales = 1;
  static constexpr bool kMin = false;
  static constexpr int kUnit = 2;
  static constexpr int kUnitBytes = kVector + kUnit * 4 * kVector;
  static PlainBlock plain(const std::byte* row, int b) {
    const auto block = load_block<BlockQ4_0>(row + b * 18);
    PlainBlock out{{}, {f16_to_f32(block.d), 0}, 0};
    for (int i = 0; i < kBlock; ++i) {
      out.q[i] = static_cast<std::uint8_t>(block.qs[i % 16] >> i / 16 * 4 & 15);
    }
    return out;
  }
  static void pack(const std::byte* row, int b, int lane, std::byte* unit) {
    const int in = b % kUnit;
    std::memcpy(unit + in * 32 + lane * 2, row + b * 18, 2);
    const PlainBlock p = plain(row, b);
    for (int i = 0; i < kBlock; ++i) {
      put_nibble(unit + kVector + in * 4 * kVector, i / 4, lane, i % 4, p.q[i]);
    }
  }
  static LL_INLINE void unpack(const std::byte* unit, int in, Unpacked& u) {
    u.scale[0] = halves(unit + in * 32);
    nibbles(unit + kVector + in * 4 * kVector, u.w);
  }
};

struct Q4_K {
  static constexpr DType kType = DType::q4_k;
  static constexpr int kOffset = 0, kScales = 1;
  static constexpr bool kMin = true;
  static constexpr int kUnit = 8;
  static constexpr int kHead = 64 + 2 * 8 * kLanes;
  static constexpr int kUnitBytes = kHead + kUnit * 4 * kVector;
  static PlainBlock plain(const std::byte* row, int b) {
    const auto block = load_block<BlockQ4_K>(row + b / 8 * 144);
    const int g = b % 8;
    PlainBlock out{{},
                   {f16_to_f32(block.d) * static_cast<float>(q4_k_scale(block.scales, g)), 0},
                   f16_to_f32(block.dmin) * static_cast<float>(q4_k_min(block.scales, g))};
    for (int i = 0; i < kBlock; ++i) {
      out.q[i] = static_cast<std::uint8_t>(block.qs[g / 2 * 32 + i] >> g % 2 * 4 & 15);
    }
    return out;
  }
  static void pack(const std::byte* row, int b, int lane, std::byte* unit) {
    const auto block = load_block<BlockQ4_K>(row + b / 8 * 144);
    const int g = b % 8;
    std::memcpy(unit + lane * 2, &block.d, 2);
    std::memcpy(unit + 32 + lane * 2, &block.dmin, 2);
    unit[64 + g * kLanes + lane] = static_cast<std::byte>(q4_k_scale(block.scales, g));
    unit[64 + (8 + g) * kLanes + lane] = static_cast<std::byte>(q4_k_min(block.scales, g));
    const PlainBlock p = plain(row, b);
    for (int i = 0; i < kBlock; ++i) {
      put_nibble(unit + kHead + g * 4 * kVector, i / 4, lane, i % 4, p.q[i]);
    }
  }
  static LL_INLINE void unpack(const std::byte* unit, int in, Unpacked& u) {
    u.scale[0] = _mm512_mul_ps(halves(unit), bytes_u8(unit + 64 + in * kLanes));
    u.min = _mm512_mul_ps(halves(unit + 32), bytes_u8(unit + 64 + (8 + in) * kLanes));
    nibbles(unit + kHead + in * 4 * kVector, u.w);
  }
};

struct Q6_K {
  static constexpr DType kType = DType::q6_k;
  static constexpr int kOffset = 32, kScales = 2;
  static constexpr bool kMin = false;
  static constexpr int kUnit = 8;
  static constexpr int kHead = 64 + 16 * kLanes;
  static constexpr int kUnitBytes = kHead + kUnit * 6 * kVector;
  static PlainBlock plain(const std::byte* row, int b) {
    const auto block = load_block<BlockQ6_K>(row + b / 8 * 210);
    const float d = f16_to_f32(block.d);
    PlainBlock out{
        {}, {d * static_cast<float>(block.scales[b % 8 * 2]), d * static_cast<float>(block.scales[b % 8 * 2 + 1])}, 0};
    for (int i = 0; i < kBlock; ++i) {
      const Q6KPlace at = q6_k_at(b % 8 * kBlock + i);
      out.q[i] = static_cast<std::uint8_t>((block.ql[at.low] >> at.low_shift & 15) |
                                           (block.qh[at.high] >> at.high_shift & 3) << 4);
    }
    return out;
  }
  static void pack(const std::byte* row, int b, int lane, std::byte* unit) {
    const auto block = load_block<BlockQ6_K>(row + b / 8 * 210);
    const int in = b % 8;
    std::memcpy(unit + lane * 2, &block.d, 2);
    for (int half = 0; half < 2; ++half) {
      unit[64 + (2 * in + half) * kLanes + lane] = static_cast<std::byte>(block.scales[2 * in + half]);
    }
    const PlainBlock p = plain(row, b);
    std::byte* q = unit + kHead + in * 6 * kVector;
    for (int i = 0; i < kBlock; ++i) {
      put_nibble(q, i / 4, lane, i % 4, p.q[i] & 15);
      q[(4 + i / 4 % 2) * kVector + lane * 4 + i % 4] |= static_cast<std::byte>(p.q[i] >> 4 << i / 8 * 2);
    }
  }
  static LL_INLINE void unpack(const std::byte* unit, int in, Unpacked& u) {
    const Floats d = halves(unit);
    u.scale[0] = _mm512_mul_ps(d, bytes_i8(unit + 64 + 2 * in * kLanes));
    u.scale[1] = _mm512_mul_ps(d, bytes_i8(unit + 64 + (2 * in + 1) * kLanes));
    const std::byte* q = unit + kHead + in * 6 * kVector;
    nibbles(q, u.w);
    const Ints high[2] = {load_ints(q + 4 * kVector), load_ints(q + 5 * kVector)};
    const Ints bits = _mm512_set1_epi8(0x30);
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {  // bits 2 * (g / 2) of high[g % 2] go to 4 and 5
      const Ints h = g < 2   ? _mm512_slli_epi16(high[g % 2], 4)
                     : g < 4 ? _mm512_slli_epi16(high[g % 2], 2)
                     : g < 6 ? high[g % 2]
                             : _mm512_srli_epi16(high[g % 2], 2);
      u.w[g] = _mm512_or_si512(u.w[g], _mm512_and_si512(h, bits));
    }
  }
};

// --- the products ---

template <class F>
struct Packed {
  int rows, n_blocks;
  std::int64_t panel_bytes;
  std::vector<std::byte> storage;
  std::byte* bytes;  // [panels, units, kUnitBytes]

  const std::byte* panel(int p) const { return bytes + p * panel_bytes; }
};

template <class F>
Packed<F> pack(const std::vector<std::byte>& w, int rows, int cols) {
  const Format& format = format_of(F::kType);
  Packed<F> out{rows, cols / kBlock, std::int64_t{cols} / kBlock / F::kUnit * F::kUnitBytes, {}, nullptr};
  out.storage.resize(static_cast<std::size_t>(out.panel_bytes) * static_cast<std::size_t>(rows / kLanes) + 64 +
                     kAhead * 2);
  out.bytes = reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(out.storage.data()) + 63) / 64 * 64);
  for (int r = 0; r < rows; ++r) {
    for (int b = 0; b < out.n_blocks; ++b) {
      F::pack(w.data() + r * bytes_of(format, cols), b, r % kLanes,
              out.bytes + r / kLanes * out.panel_bytes + b / F::kUnit * F::kUnitBytes);
    }
  }
  return out;
}

LL_INLINE Ints four_of(const std::int8_t* p) {
  std::int32_t v;
  std::memcpy(&v, p, 4);
  return _mm512_set1_epi32(v);
}

/// The chain of one output over one block.
template <class F>
LL_INLINE Floats chain(const Floats* scale, Floats min, const Ints* dot, float dx, float scaled_sum, Floats s) {
  const Floats x_scale = _mm512_set1_ps(dx);
  s = _mm512_fmadd_ps(_mm512_mul_ps(scale[0], x_scale), _mm512_cvtepi32_ps(dot[0]), s);
  if constexpr (F::kScales == 2) {
    s = _mm512_fmadd_ps(_mm512_mul_ps(scale[1], x_scale), _mm512_cvtepi32_ps(dot[1]), s);
  }
  if constexpr (F::kMin) {
    s = _mm512_fnmadd_ps(min, _mm512_set1_ps(scaled_sum), s);
  }
  return s;
}

/// Few rows of x: weights go from memory to registers and are used T times.
template <class F, int T>
void direct_panel(const Packed<F>& w, const Rows8& x, int i0, int p, float* y) {
  const std::byte* unit = w.panel(p);
  Floats s[T];
  for (int t = 0; t < T; ++t) {
    s[t] = _mm512_setzero_ps();
  }
  const int n_units = w.n_blocks / F::kUnit;
  for (int u = 0; u < n_units; ++u, unit += F::kUnitBytes) {
    for (int byte = 0; byte < F::kUnitBytes; byte += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(unit) + kAhead + byte, _MM_HINT_T0);
    }
#pragma GCC unroll 2
    for (int in = 0; in < F::kUnit; ++in) {
      const int b = u * F::kUnit + in;
      Unpacked block;
      F::unpack(unit, in, block);
      Ints dot[T][2];
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const std::int32_t* sums = x.sums.data() + (static_cast<std::int64_t>(i0 + t) * w.n_blocks + b) * 2;
        dot[t][0] = _mm512_set1_epi32(-F::kOffset * (F::kScales == 2 ? sums[0] : sums[0] + sums[1]));
        dot[t][1] = F::kScales == 2 ? _mm512_set1_epi32(-F::kOffset * sums[1]) : _mm512_setzero_si512();
      }
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          const std::int8_t* q = x.q.data() + (static_cast<std::int64_t>(i0 + t) * w.n_blocks + b) * kBlock;
          Ints& sum = dot[t][g / 4];
          sum = _mm512_dpbusd_epi32(sum, block.w[g], four_of(q + 4 * g));
        }
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const std::int64_t at = static_cast<std::int64_t>(i0 + t) * w.n_blocks + b;
        if constexpr (F::kScales == 1) {
          dot[t][0] = _mm512_add_epi32(dot[t][0], dot[t][1]);
        }
        s[t] = chain<F>(block.scale, block.min, dot[t], x.scale[static_cast<std::size_t>(at)],
                        x.scaled_sum[static_cast<std::size_t>(at)], s[t]);
      }
    }
  }
  for (int t = 0; t < T; ++t) {
    _mm512_storeu_ps(y + static_cast<std::int64_t>(i0 + t) * w.rows + p * kLanes, s[t]);
  }
}

/// Many rows of x: a piece of two panels is unpacked to L1 once for kTokenBlock rows.
template <class F>
struct Scratch {
  alignas(64) std::byte w[kPanels][kPiece][kGroups][kVector];
  alignas(64) float scale[kPanels][kPiece][F::kScales + (F::kMin ? 1 : 0)][kLanes];
  alignas(64) float sums[kTokenBlock][kPanels][kLanes];
};

template <class F, int T>
LL_INLINE void tile(Scratch<F>& c, const Rows8& x, int i0, int t0, int b0, int n) {
  Floats s[T][kPanels];
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      s[t][p] = b0 == 0 ? _mm512_setzero_ps() : _mm512_load_ps(c.sums[t0 + t][p]);
    }
  }
  const std::int64_t stride = x.n_blocks;
  const std::int64_t first = (i0 + t0) * stride + b0;
  for (int b = 0; b < n; ++b) {
    for (int half = 0; half < F::kScales; ++half) {
      Ints dot[T][kPanels];
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const std::int32_t* sums = x.sums.data() + (first + t * stride + b) * 2;
        const std::int32_t start = -F::kOffset * (F::kScales == 2 ? sums[half] : sums[0] + sums[1]);
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) {
          dot[t][p] = F::kOffset == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(start);
        }
      }
      constexpr int kSteps = kGroups / F::kScales;
#pragma GCC unroll 8
      for (int i = 0; i < kSteps; ++i) {
        const int g = half * kSteps + i;
        Ints w[kPanels];
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) {
          w[p] = load_ints(c.w[p][b][g]);
        }
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          const Ints four = four_of(x.q.data() + (first + t * stride + b) * kBlock + 4 * g);
#pragma GCC unroll 2
          for (int p = 0; p < kPanels; ++p) {
            dot[t][p] = _mm512_dpbusd_epi32(dot[t][p], w[p], four);
          }
        }
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const Floats dx = _mm512_set1_ps(x.scale[static_cast<std::size_t>(first + t * stride + b)]);
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) {
          s[t][p] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_load_ps(c.scale[p][b][half]), dx),
                                    _mm512_cvtepi32_ps(dot[t][p]), s[t][p]);
          if constexpr (F::kMin) {
            s[t][p] = _mm512_fnmadd_ps(_mm512_load_ps(c.scale[p][b][1]),
                                       _mm512_set1_ps(x.scaled_sum[static_cast<std::size_t>(first + t * stride + b)]),
                                       s[t][p]);
          }
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      _mm512_store_ps(c.sums[t0 + t][p], s[t][p]);
    }
  }
}

template <class F>
void unpack_piece(const Packed<F>& w, int p0, int b0, int n, Scratch<F>& c) {
  for (int p = 0; p < kPanels; ++p) {
    for (int b = 0; b < n; ++b) {
      Unpacked block;
      F::unpack(w.panel(p0 + p) + (b0 + b) / F::kUnit * F::kUnitBytes, (b0 + b) % F::kUnit, block);
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) {
        _mm512_store_si512(c.w[p][b][g], block.w[g]);
      }
      _mm512_store_ps(c.scale[p][b][0], block.scale[0]);
      if constexpr (F::kScales == 2) {
        _mm512_store_ps(c.scale[p][b][1], block.scale[1]);
      }
      if constexpr (F::kMin) {
        _mm512_store_ps(c.scale[p][b][1], block.min);
      }
    }
  }
}

template <class F>
void many(const Packed<F>& w, const Rows8& x, Range panels, Scratch<F>& c, float* y) {
  for (int i0 = 0; i0 < x.m; i0 += kTokenBlock) {
    const int n_tokens = std::min(kTokenBlock, x.m - i0);
    for (int p = panels.begin; p < panels.end; p += kPanels) {
      for (int b0 = 0; b0 < w.n_blocks; b0 += kPiece) {
        const int n = std::min(kPiece, w.n_blocks - b0);
        unpack_piece(w, p, b0, n, c);
        int t = 0;
        for (; t + kTokens <= n_tokens; t += kTokens) {
          tile<F, kTokens>(c, x, i0, t, b0, n);
        }
        for (; t < n_tokens; ++t) {
          tile<F, 1>(c, x, i0, t, b0, n);
        }
      }
      for (int t = 0; t < n_tokens; ++t) {
        std::memcpy(y + static_cast<std::int64_t>(i0 + t) * w.rows + p * kLanes, c.sums[t],
                    kPanels * kLanes * sizeof(float));
      }
    }
  }
}

template <class F>
void product(const Packed<F>& w, const Rows8& x, int thread, int n_threads, Scratch<F>& c, float* y) {
  const Range panels = part_of(w.rows / kLanes, thread, n_threads, kPanels);
  if (x.m > 8) {
    return many(w, x, panels, c, y);
  }
  for (int p = panels.begin; p < panels.end; ++p) {
    int i = 0;
    for (; i + 4 <= x.m; i += 4) {
      direct_panel<F, 4>(w, x, i, p, y);
    }
    for (; i < x.m; ++i) {
      direct_panel<F, 1>(w, x, i, p, y);
    }
  }
}

#pragma GCC pop_options

Rows8 quantise(const std::vector<float>& x, int m, int cols) {
  Rows8 out{m, cols / kBlock, {}, {}, {}, {}};
  for (int i = 0; i < m * out.n_blocks; ++i) {
    const float* block = x.data() + static_cast<std::int64_t>(i) * kBlock;
    float largest = 0;
    for (int k = 0; k < kBlock; ++k) {
      largest = std::max(largest, std::fabs(block[k]));
    }
    const float inverse = largest > 1e-30F ? 127.0F / largest : 0.0F;
    std::int32_t sums[2] = {};
    for (int k = 0; k < kBlock; ++k) {
      const int q = static_cast<int>(std::nearbyint(block[k] * inverse));
      out.q.push_back(static_cast<std::int8_t>(q));
      sums[k / 16] += q;
    }
    out.scale.push_back(largest / 127.0F);
    out.scaled_sum.push_back(out.scale.back() * static_cast<float>(sums[0] + sums[1]));
    out.sums.insert(out.sums.end(), sums, sums + 2);
  }
  return out;
}

/// The definition: one output.
template <class F>
float plain_output(const std::byte* row, const Rows8& x, int i) {
  float sum = 0;
  for (int b = 0; b < x.n_blocks; ++b) {
    const PlainBlock w = F::plain(row, b);
    const std::int64_t at = static_cast<std::int64_t>(i) * x.n_blocks + b;
    int dot[2] = {};
    for (int k = 0; k < kBlock; ++k) {
      dot[F::kScales == 2 ? k / 16 : 0] += (w.q[k] - F::kOffset) * x.q[static_cast<std::size_t>(at * kBlock + k)];
    }
    for (int half = 0; half < F::kScales; ++half) {
      sum = std::fma(w.scale[half] * x.scale[static_cast<std::size_t>(at)], static_cast<float>(dot[half]), sum);
    }
    if (F::kMin) {
      sum = std::fma(-w.min, x.scaled_sum[static_cast<std::size_t>(at)], sum);
    }
  }
  return sum;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F>
void measure(ThreadTeam& team, const roof::Roof& roof, int rows, int cols) {
  const Format& format = format_of(F::kType);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  for (float& v : values) {
    v = static_cast<float>(random() >> 8) * 0x1p-24F - 0.5F;
  }
  const std::vector<std::byte> w = sample_blocks(format, values);
  const Packed<F> packed = pack<F>(w, rows, cols);
  std::vector<std::unique_ptr<Scratch<F>>> scratch;
  for (int t = 0; t < team.size(); ++t) {
    scratch.push_back(std::make_unique<Scratch<F>>());
  }
  for (const int m : {1, 2, 4, 8, 16, 64, 512}) {
    std::vector<float> values_x(static_cast<std::size_t>(m) * static_cast<std::size_t>(cols));
    for (float& v : values_x) {
      v = normal(random);
    }
    const Rows8 x = quantise(values_x, m, cols);
    std::vector<float> y(static_cast<std::size_t>(m) * static_cast<std::size_t>(rows));
    const auto run = [&] {
      team.run([&](int thread) {
        product<F>(packed, x, thread, team.size(), *scratch[static_cast<std::size_t>(thread)], y.data());
      });
    };
    run();
    int different = 0;
    for (int n = 0; n < 400; ++n) {
      const auto i = static_cast<int>(random() % static_cast<unsigned>(m));
      const auto r = static_cast<int>(random() % static_cast<unsigned>(rows));
      const float want = plain_output<F>(w.data() + r * bytes_of(format, cols), x, i);
      different +=
          std::memcmp(&want,
                      &y[static_cast<std::size_t>(i) * static_cast<std::size_t>(rows) + static_cast<std::size_t>(r)],
                      4) != 0
              ? 1
              : 0;
    }
    double best = 1e30;
    for (const double start = seconds_now(); seconds_now() - start < 0.6;) {
      const double before = seconds_now();
      run();
      best = std::min(best, seconds_now() - before);
    }
    const double bytes = static_cast<double>(bytes_of(format, static_cast<std::int64_t>(rows) * cols)) / best;
    const double ops = 2.0 * rows * cols * m / best;
    std::printf("%-5s m=%-4d %9.1f us %7.2f GB/s %4.0f%% of read %8.1f Gop/s %4.0f%% of int8  %s\n",
                std::string(format.name).c_str(), m, best * 1e6, bytes / 1e9,
                100 * bytes / (roof.read_gb_per_sec * 1e9), ops / 1e9, 100 * ops / (roof.int8_tops * 1e12),
                different == 0 ? "same bits" : "BITS DIFFER");
  }
}

}  // namespace
}  // namespace llorch

int main(int argc, char** argv) {
  using namespace llorch;
  const int n_threads = argc > 1 ? std::atoi(argv[1]) : physical_cores();
  const int rows = argc > 2 ? std::atoi(argv[2]) : 65536;
  const int cols = argc > 3 ? std::atoi(argv[3]) : 2048;
  ThreadTeam team(n_threads);
  const roof::Roof roof = roof::measure(team, std::int64_t{1} << 30);
  std::printf("read %.1f GB/s, int8 %.3f Top/s\n", roof.read_gb_per_sec, roof.int8_tops);
  measure<Q8_0>(team, roof, rows, cols);
  measure<Q4_0>(team, roof, rows, cols);
  measure<Q4_K>(team, roof, rows, cols);
  measure<Q6_K>(team, roof, rows, cols);
}
