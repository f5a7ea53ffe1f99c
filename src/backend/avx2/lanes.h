// The words in which avx2/generic/*.inc is written, for 8 lanes of AVX2. avx512/lanes.h has the same words for 16.
// Private to each file that includes it. Every `_first` variant touches n values alone; the other lanes are 0.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "backend/avx2/target.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {

using Floats = __m256;
using Ints = __m256i;
constexpr int kLanes = 8;
constexpr int kFloatPanels = 2;  // panels of kLanes weight rows x tokens whose sums fit in the 16 registers
constexpr int kFloatTokens = 6;

LL_INLINE Floats zeros() {
  return _mm256_setzero_ps();
}
LL_INLINE Floats fill(float v) {
  return _mm256_set1_ps(v);
}
LL_INLINE Floats load(const void* p) {
  return _mm256_loadu_ps(static_cast<const float*>(p));
}
LL_INLINE void store(float* p, Floats v) {
  _mm256_storeu_ps(p, v);
}
LL_INLINE __m256i first_mask(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
LL_INLINE Floats load_first(const void* p, int n) {
  return _mm256_maskload_ps(static_cast<const float*>(p), first_mask(n));
}
LL_INLINE void store_first(float* p, Floats v, int n) {
  _mm256_maskstore_ps(p, first_mask(n), v);
}
/// All lanes where there are as many, else the first n.
LL_INLINE Floats load_up_to(const float* p, int n) {
  return n < kLanes ? load_first(p, n) : load(p);
}
LL_INLINE void store_up_to(float* p, Floats v, int n) {
  n < kLanes ? store_first(p, v, n) : store(p, v);
}
LL_INLINE Floats keep_first(Floats v, int n) {
  return _mm256_and_ps(v, _mm256_castsi256_ps(first_mask(n)));
}

LL_INLINE Floats add(Floats a, Floats b) {
  return _mm256_add_ps(a, b);
}
LL_INLINE Floats sub(Floats a, Floats b) {
  return _mm256_sub_ps(a, b);
}
LL_INLINE Floats mul(Floats a, Floats b) {
  return _mm256_mul_ps(a, b);
}
LL_INLINE Floats div(Floats a, Floats b) {
  return _mm256_div_ps(a, b);
}
LL_INLINE Floats fma(Floats a, Floats b, Floats c) {
  return _mm256_fmadd_ps(a, b, c);
}
LL_INLINE Floats min(Floats a, Floats b) {
  return _mm256_min_ps(a, b);
}  // b when either is NaN
LL_INLINE Floats max(Floats a, Floats b) {
  return _mm256_max_ps(a, b);
}  // b when either is NaN
LL_INLINE Floats rounded(Floats v) {
  return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/// Always the same tree: halves, then quarters, then pairs.
LL_INLINE float sum(Floats v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/// out[i] = the sum of v[i], each by one tree.
LL_INLINE void sums_of_four(const Floats (&v)[4], float* out) {
  const __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

/// The largest lane.
LL_INLINE float top_of(Floats v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
/// Whether a > b in any lane; a NaN is greater than nothing.
LL_INLINE bool any_greater(Floats a, Floats b) {
  return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)) != 0;
}
/// -infinity in the lanes outside [begin, end), which may reach beyond the lanes.
LL_INLINE Floats only_lanes(Floats v, int begin, int end) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i inside = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(begin), lane),
                                             _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lane));
  return _mm256_blendv_ps(_mm256_set1_ps(-__builtin_inff()), v, _mm256_castsi256_ps(inside));
}
/// t - floor(t).
LL_INLINE Floats fraction(Floats t) {
  return _mm256_sub_ps(t, _mm256_floor_ps(t));
}
/// p * 2^floor(t), 0 where t < -126; a NaN stays one.
LL_INLINE Floats times_power(Floats p, Floats t) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_floor_ps(t)), _mm256_set1_epi32(127));
  const __m256 power = _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
  return _mm256_and_ps(_mm256_mul_ps(p, power), _mm256_cmp_ps(t, _mm256_set1_ps(-126.0F), _CMP_NLT_UQ));
}
/// Row i, lane j to row j, lane i.
LL_INLINE void transpose(Floats (&v)[kLanes]) {
  __m256 quads[kLanes];
  for (int i = 0; i < kLanes; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(v[i], v[i + 1]);
    const __m256 b = _mm256_unpackhi_ps(v[i], v[i + 1]);
    const __m256 c = _mm256_unpacklo_ps(v[i + 2], v[i + 3]);
    const __m256 d = _mm256_unpackhi_ps(v[i + 2], v[i + 3]);
    quads[i] = _mm256_shuffle_ps(a, c, 0x44);
    quads[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    quads[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
    quads[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20);
    v[i + 4] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31);
  }
}

/// 2^n for whole n in [-126, 127].
LL_INLINE Floats power_of_two(Floats n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

LL_INLINE Floats f16_load(const void* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
LL_INLINE Floats bf16_load(const void* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
LL_INLINE Floats f16_load_first(const void* p, int n) {
  std::uint16_t part[8] = {};
  std::memcpy(part, p, static_cast<std::size_t>(n) * 2);
  return f16_load(part);
}
LL_INLINE Floats bf16_load_first(const void* p, int n) {
  std::uint16_t part[8] = {};
  std::memcpy(part, p, static_cast<std::size_t>(n) * 2);
  return bf16_load(part);
}
LL_INLINE float f16_to_float(const void* p) {
  std::uint16_t bits;
  std::memcpy(&bits, p, 2);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

/// Rounded to nearest, ties to even.
LL_INLINE void f16_store(std::uint16_t* p, Floats v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
/// Lanes 2i and 2i + 1 change places.
LL_INLINE Floats neighbours(Floats v) {
  return _mm256_permute_ps(v, 0xb1);
}
/// Lane i of the first half in lanes 2i and 2i + 1.
LL_INLINE Floats twice_each(Floats v) {
  return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}
/// a - b in lanes 2i, a + b in lanes 2i + 1.
LL_INLINE Floats sub_add(Floats a, Floats b) {
  return _mm256_addsub_ps(a, b);
}

/// kLanes bytes, widened.
LL_INLINE Ints load_u8(const void* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
}
LL_INLINE Ints load_i8(const void* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
}
LL_INLINE Ints and_bits(Ints v, int bits) {
  return _mm256_and_si256(v, _mm256_set1_epi32(bits));
}
LL_INLINE Ints or_bits(Ints a, Ints b) {
  return _mm256_or_si256(a, b);
}
LL_INLINE Ints shift_right(Ints v, int n) {
  return _mm256_srli_epi32(v, n);
}
LL_INLINE Ints shift_left(Ints v, int n) {
  return _mm256_slli_epi32(v, n);
}
LL_INLINE Ints minus(Ints v, int n) {
  return _mm256_sub_epi32(v, _mm256_set1_epi32(n));
}
/// The same bits.
LL_INLINE Floats as_floats(Ints v) {
  return _mm256_castsi256_ps(v);
}
LL_INLINE Floats to_float(Ints v) {
  return _mm256_cvtepi32_ps(v);
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
  __m256d low;
  __m256d high;
};
LL_INLINE Wide wide_zeros() {
  return {_mm256_setzero_pd(), _mm256_setzero_pd()};
}
LL_INLINE Wide widen(Floats v) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}
LL_INLINE Wide wide_add(Wide a, Wide b) {
  return {_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
}
/// a + b * b
LL_INLINE Wide wide_add_square(Wide a, Wide b) {
  return {_mm256_fmadd_pd(b.low, b.low, a.low), _mm256_fmadd_pd(b.high, b.high, a.high)};
}
LL_INLINE double wide_sum(Wide v) {
  const __m256d four = _mm256_add_pd(v.low, v.high);
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

}  // namespace
}  // namespace llorch::avx2
LL_TARGET_END
