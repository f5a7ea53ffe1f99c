// Words for bytes in lanes of AVX2. avx512/bytes.inc has the same words.
#pragma once

#include "backend/avx2/lanes.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {

LL_INLINE Floats abs(Floats v) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v);
}
LL_INLINE float largest_of(Floats v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
/// Zeros where v is not finite.
LL_INLINE Floats keep_finite(Floats v) {
  return _mm256_and_ps(v, _mm256_cmp_ps(sub(v, v), _mm256_setzero_ps(), _CMP_EQ_OQ));
}
/// kLanes whole numbers in [-128, 127].
LL_INLINE void store_i8(std::int8_t* p, Floats v) {
  const __m256i wide = _mm256_cvtps_epi32(v);
  const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(half, half));
}

LL_INLINE Ints load_ints(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
LL_INLINE void store_ints(void* p, Ints v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), v);
}
LL_INLINE Ints fill_ints(std::int32_t v) {
  return _mm256_set1_epi32(v);
}
LL_INLINE Ints broadcast4(const std::int8_t* p) {
  std::int32_t four;
  std::memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}
LL_INLINE Ints flip_bytes(Ints v, int bits) {
  return _mm256_xor_si256(v, _mm256_set1_epi8(static_cast<char>(bits)));
}
/// 16 bytes at `offset` of rows i and i + 4.
LL_INLINE Ints quads(const std::byte* const* rows, int i, std::int64_t offset) {
  return _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(rows[i + 4] + offset),
                             reinterpret_cast<const __m128i*>(rows[i] + offset));
}
/// From quads(i) for i in 0..3 to dword i of each row, rows in order.
LL_INLINE void transpose4(Ints (&a)[4]) {
  const Ints ab_low = _mm256_unpacklo_epi32(a[0], a[1]);
  const Ints ab_high = _mm256_unpackhi_epi32(a[0], a[1]);
  const Ints cd_low = _mm256_unpacklo_epi32(a[2], a[3]);
  const Ints cd_high = _mm256_unpackhi_epi32(a[2], a[3]);
  a[0] = _mm256_unpacklo_epi64(ab_low, cd_low);
  a[1] = _mm256_unpackhi_epi64(ab_low, cd_low);
  a[2] = _mm256_unpacklo_epi64(ab_high, cd_high);
  a[3] = _mm256_unpackhi_epi64(ab_high, cd_high);
}
LL_INLINE Ints byte_mask(Ints v, int mask) {
  return _mm256_and_si256(v, _mm256_set1_epi8(static_cast<char>(mask)));
}
LL_INLINE Ints shift_left16(Ints v, int n) {
  return _mm256_slli_epi16(v, n);
}
LL_INLINE Ints shift_right16(Ints v, int n) {
  return _mm256_srli_epi16(v, n);
}
/// table[index] for each byte.
LL_INLINE Ints look_up(__m128i table, Ints index) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), index);
}
}  // namespace
}  // namespace llorch::avx2
LL_TARGET_END
