// The vocabulary before a draw; see generic/split_tokens.inc.
#include "sampling/split_tokens.h"

#include <cstdint>

#include "backend/avx2/kernels.h"
#include "backend/avx2/lanes.h"
#include "sampling/weigh.h"

LL_TARGET_BEGIN
namespace llorch::avx2 {
namespace {

using Doubles = __m256d;
using Longs = __m256i;
using Mask = __m256i;
constexpr int kDoubles = 4;

LL_INLINE Doubles fill_double(double v) {
  return _mm256_set1_pd(v);
}
LL_INLINE Doubles load_floats(const float* p) {
  return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
LL_INLINE Doubles add(Doubles a, Doubles b) {
  return _mm256_add_pd(a, b);
}
LL_INLINE Doubles sub(Doubles a, Doubles b) {
  return _mm256_sub_pd(a, b);
}
LL_INLINE Doubles mul(Doubles a, Doubles b) {
  return _mm256_mul_pd(a, b);
}
LL_INLINE Mask less(Doubles a, Doubles b) {
  return _mm256_castpd_si256(_mm256_cmp_pd(a, b, _CMP_LT_OQ));
}
LL_INLINE Mask both_not(Mask a, Mask b) {
  return _mm256_andnot_si256(a, b);
}
LL_INLINE unsigned bits_of(Mask m) {
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(m)));
}
LL_INLINE Longs keep(Mask m, Longs v) {
  return _mm256_and_si256(m, v);
}
LL_INLINE Longs as_longs(Doubles v) {
  return _mm256_castpd_si256(v);
}
LL_INLINE Doubles as_doubles(Longs v) {
  return _mm256_castsi256_pd(v);
}
LL_INLINE Longs fill_long(std::uint64_t v) {
  return _mm256_set1_epi64x(static_cast<long long>(v));
}
LL_INLINE Longs add_longs(Longs a, Longs b) {
  return _mm256_add_epi64(a, b);
}
LL_INLINE Longs sub_longs(Longs a, Longs b) {
  return _mm256_sub_epi64(a, b);
}
LL_INLINE Longs and_longs(Longs a, std::uint64_t bits) {
  return _mm256_and_si256(a, fill_long(bits));
}
LL_INLINE Longs shift_longs_left(Longs v, int n) {
  return _mm256_slli_epi64(v, n);
}
LL_INLINE Longs shift_longs_right(Longs v, int n) {
  return _mm256_srli_epi64(v, n);
}
LL_INLINE std::uint64_t sum_of_longs(Longs v) {
  alignas(32) std::uint64_t lanes[kDoubles];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), v);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

/// weighing::power_of.
class Powers {
 public:
  LL_INLINE Powers() {
    for (int i = 0; i < 32; ++i) {
      powers_[i] = weighing::power_of(i);
    }
  }
  /// Of the low 5 bits.
  LL_INLINE Doubles at(Longs i) const { return _mm256_i64gather_pd(powers_, and_longs(i, 31), 8); }

 private:
  double powers_[32];
};

#include "backend/avx2/generic/split_tokens.inc"
}  // namespace

SplitWeights split_tokens(const float* logits, int n, double best, double reach, std::int32_t* near) {
  return run_split_tokens(logits, n, best, reach, near);
}

}  // namespace llorch::avx2
LL_TARGET_END
