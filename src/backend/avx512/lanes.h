// The words in which avx2/generic/*.inc is written, for 16 lanes of AVX-512. avx2/lanes.h has the same words for 8.
// Private to each file that includes it. Every `_first` variant touches n values alone; the other lanes are 0.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)  // g++ 12 suspects its own _mm512_undefined_* (GCC bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "backend/avx512/target.h"

LL_TARGET_BEGIN
namespace llorch::avx512 {
namespace {

using Floats = __m512;
using Ints = __m512i;
constexpr int kLanes = 16;
constexpr int kFloatPanels = 4;  // panels of kLanes weight rows x tokens whose sums fit in the 32 registers
constexpr int kFloatTokens = 6;

LL_INLINE Floats zeros() {
  return _mm512_setzero_ps();
}
LL_INLINE Floats fill(float v) {
  return _mm512_set1_ps(v);
}
LL_INLINE Floats load(const void* p) {
  return _mm512_loadu_ps(p);
}
LL_INLINE void store(float* p, Floats v) {
  _mm512_storeu_ps(p, v);
}
LL_INLINE __mmask16 first_mask(int n) {
  return static_cast<__mmask16>((1U << n) - 1);
}
LL_INLINE Floats load_first(const void* p, int n) {
  return _mm512_maskz_loadu_ps(first_mask(n), p);
}
LL_INLINE void store_first(float* p, Floats v, int n) {
  _mm512_mask_storeu_ps(p, first_mask(n), v);
}
/// All lanes where there are as many, else the first n.
LL_INLINE Floats load_up_to(const float* p, int n) {
  return n < kLanes ? load_first(p, n) : load(p);
}
LL_INLINE void store_up_to(float* p, Floats v, int n) {
  n < kLanes ? store_first(p, v, n) : store(p, v);
}
LL_INLINE Floats keep_first(Floats v, int n) {
  return _mm512_maskz_mov_ps(first_mask(n), v);
}

LL_INLINE Floats add(Floats a, Floats b) {
  return _mm512_add_ps(a, b);
}
LL_INLINE Floats sub(Floats a, Floats b) {
  return _mm512_sub_ps(a, b);
}
LL_INLINE Floats mul(Floats a, Floats b) {
  return _mm512_mul_ps(a, b);
}
LL_INLINE Floats div(Floats a, Floats b) {
  return _mm512_div_ps(a, b);
}
LL_INLINE Floats fma(Floats a, Floats b, Floats c) {
  return _mm512_fmadd_ps(a, b, c);
}
LL_INLINE Floats min(Floats a, Floats b) {
  return _mm512_min_ps(a, b);
}  // b when either is NaN
LL_INLINE Floats max(Floats a, Floats b) {
  return _mm512_max_ps(a, b);
}  // b when either is NaN
LL_INLINE Floats rounded(Floats v) {
  return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/// Always the same tree: halves, then quarters, then eighths, then pairs.
LL_INLINE float sum(Floats v) {
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/// out[i] = the sum of v[i], each by one tree.
LL_INLINE void sums_of_four(const Floats (&v)[4], float* out) {
  const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x44), _mm512_shuffle_f32x4(v[0], v[1], 0xee));
  const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(v[2], v[3], 0x44), _mm512_shuffle_f32x4(v[2], v[3], 0xee));
  __m512 s = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
  s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
  const __m512i firsts = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0);
  _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_permutexvar_ps(firsts, s)));
}

/// The largest lane.
LL_INLINE float top_of(Floats v) {
  return _mm512_reduce_max_ps(v);
}
/// Whether a > b in any lane; a NaN is greater than nothing.
LL_INLINE bool any_greater(Floats a, Floats b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0;
}
/// -infinity in the lanes outside [begin, end), which may reach beyond the lanes.
LL_INLINE Floats only_lanes(Floats v, int begin, int end) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __mmask16 inside = _mm512_cmp_epi32_mask(lane, _mm512_set1_epi32(end), _MM_CMPINT_LT) &
                           _mm512_cmp_epi32_mask(lane, _mm512_set1_epi32(begin), _MM_CMPINT_NLT);
  return _mm512_mask_mov_ps(_mm512_set1_ps(-__builtin_inff()), inside, v);
}
/// t - floor(t).
LL_INLINE Floats fraction(Floats t) {
  return _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/// p * 2^floor(t), 0 where t < -126; a NaN stays one.
LL_INLINE Floats times_power(Floats p, Floats t) {
  return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(t, _mm512_set1_ps(-126.0F), _CMP_NLT_UQ), p, t);
}
/// Row i, lane j to row j, lane i.
LL_INLINE void transpose(Floats (&v)[kLanes]) {
  __m512 pairs[kLanes];
  for (int i = 0; i < kLanes; i += 4) {
    const __m512 a = _mm512_unpacklo_ps(v[i], v[i + 1]);
    const __m512 b = _mm512_unpackhi_ps(v[i], v[i + 1]);
    const __m512 c = _mm512_unpacklo_ps(v[i + 2], v[i + 3]);
    const __m512 d = _mm512_unpackhi_ps(v[i + 2], v[i + 3]);
    pairs[i] = _mm512_shuffle_ps(a, c, 0x44);
    pairs[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
    pairs[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
    pairs[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
  }
  for (int i = 0; i < 4; ++i) {  // pairs[4r + i]: columns i, i + 4, i + 8, i + 12 of rows 4r to 4r + 3
    const __m512 a = _mm512_shuffle_f32x4(pairs[i], pairs[i + 4], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(pairs[i + 8], pairs[i + 12], 0x88);
    const __m512 c = _mm512_shuffle_f32x4(pairs[i], pairs[i + 4], 0xdd);
    const __m512 d = _mm512_shuffle_f32x4(pairs[i + 8], pairs[i + 12], 0xdd);
    v[i] = _mm512_shuffle_f32x4(a, b, 0x88);
    v[i + 4] = _mm512_shuffle_f32x4(c, d, 0x88);
    v[i + 8] = _mm512_shuffle_f32x4(a, b, 0xdd);
    v[i + 12] = _mm512_shuffle_f32x4(c, d, 0xdd);
  }
}

/// 2^n for whole n in [-126, 127].
LL_INLINE Floats power_of_two(Floats n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
}

LL_INLINE Floats f16_load(const void* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
LL_INLINE Floats bf16_wide(__m256i v) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}
LL_INLINE Floats bf16_load(const void* p) {
  return bf16_wide(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
LL_INLINE Floats f16_load_first(const void* p, int n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_mask(n), p));
}
LL_INLINE Floats bf16_load_first(const void* p, int n) {
  return bf16_wide(_mm256_maskz_loadu_epi16(first_mask(n), p));
}
LL_INLINE float f16_to_float(const void* p) {
  std::uint16_t bits;
  std::memcpy(&bits, p, 2);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

/// Rounded to nearest, ties to even.
LL_INLINE void f16_store(std::uint16_t* p, Floats v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
/// Lanes 2i and 2i + 1 change places.
LL_INLINE Floats neighbours(Floats v) {
  return _mm512_permute_ps(v, 0xb1);
}
/// Lane i of the first half in lanes 2i and 2i + 1.
LL_INLINE Floats twice_each(Floats v) {
  return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7), v);
}
/// a - b in lanes 2i, a + b in lanes 2i + 1.
LL_INLINE Floats sub_add(Floats a, Floats b) {
  return _mm512_mask_sub_ps(_mm512_add_ps(a, b), 0x5555, a, b);
}

/// kLanes bytes, widened.
LL_INLINE Ints load_u8(const void* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
LL_INLINE Ints load_i8(const void* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
LL_INLINE Ints and_bits(Ints v, int bits) {
  return _mm512_and_si512(v, _mm512_set1_epi32(bits));
}
LL_INLINE Ints or_bits(Ints a, Ints b) {
  return _mm512_or_si512(a, b);
}
LL_INLINE Ints shift_right(Ints v, int n) {
  return _mm512_srli_epi32(v, static_cast<unsigned>(n));
}
LL_INLINE Ints shift_left(Ints v, int n) {
  return _mm512_slli_epi32(v, static_cast<unsigned>(n));
}
LL_INLINE Ints minus(Ints v, int n) {
  return _mm512_sub_epi32(v, _mm512_set1_epi32(n));
}
/// The same bits.
LL_INLINE Floats as_floats(Ints v) {
  return _mm512_castsi512_ps(v);
}
LL_INLINE Floats to_float(Ints v) {
  return _mm512_cvtepi32_ps(v);
}
LL_INLINE void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}
/// To the second cache, which has more lines under way.
LL_INLINE void prefetch_far(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

/// kLanes sums in double, for norms.
struct Wide {
  __m512d low;
  __m512d high;
};
LL_INLINE Wide wide_zeros() {
  return {_mm512_setzero_pd(), _mm512_setzero_pd()};
}
LL_INLINE Wide widen(Floats v) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))};
}
LL_INLINE Wide wide_add(Wide a, Wide b) {
  return {_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)};
}
/// a + b * b
LL_INLINE Wide wide_add_square(Wide a, Wide b) {
  return {_mm512_fmadd_pd(b.low, b.low, a.low), _mm512_fmadd_pd(b.high, b.high, a.high)};
}
LL_INLINE double wide_sum(Wide v) {
  const __m512d eight = _mm512_add_pd(v.low, v.high);
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

}  // namespace
}  // namespace llorch::avx512
LL_TARGET_END
