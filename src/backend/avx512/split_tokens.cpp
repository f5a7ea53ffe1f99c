// The vocabulary before a draw; see avx2/generic/split_tokens.inc.
#include "sampling/split_tokens.h"

#include <cstdint>

#include "backend/avx512/kernels.h"
#include "backend/avx512/lanes.h"
#include "sampling/weigh.h"

LL_TARGET_BEGIN
namespace llorch::avx512 {
namespace {

using Doubles = __m512d;
using Longs = __m512i;
using Mask = __mmask8;
constexpr int kDoubles = 8;

LL_INLINE Doubles fill_double(double v) {
  return _mm512_set1_pd(v);
}
LL_INLINE Doubles load_floats(const float* p) {
  return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
LL_INLINE Doubles add(Doubles a, Doubles b) {
  return _mm512_add_pd(a, b);
}
LL_INLINE Doubles sub(Doubles a, Doubles b) {
  return _mm512_sub_pd(a, b);
}
LL_INLINE Doubles mul(Doubles a, Doubles b) {
  return _mm512_mul_pd(a, b);
}
LL_INLINE Mask less(Doubles a, Doubles b) {
  return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
}
LL_INLINE Mask both_not(Mask a, Mask b) {
  return static_cast<Mask>(~a & b);
}
LL_INLINE unsigned bits_of(Mask m) {
  return m;
}
LL_INLINE Longs keep(Mask m, Longs v) {
  return _mm512_maskz_mov_epi64(m, v);
}
LL_INLINE Longs as_longs(Doubles v) {
  return _mm512_castpd_si512(v);
}
LL_INLINE Doubles as_doubles(Longs v) {
  return _mm512_castsi512_pd(v);
}
LL_INLINE Longs fill_long(std::uint64_t v) {
  return _mm512_set1_epi64(static_cast<long long>(v));
}
LL_INLINE Longs add_longs(Longs a, Longs b) {
  return _mm512_add_epi64(a, b);
}
LL_INLINE Longs sub_longs(Longs a, Longs b) {
  return _mm512_sub_epi64(a, b);
}
LL_INLINE Longs and_longs(Longs a, std::uint64_t bits) {
  return _mm512_and_si512(a, fill_long(bits));
}
LL_INLINE Longs shift_longs_left(Longs v, unsigned n) {
  return _mm512_slli_epi64(v, n);
}
LL_INLINE Longs shift_longs_right(Longs v, unsigned n) {
  return _mm512_srli_epi64(v, n);
}
LL_INLINE std::uint64_t sum_of_longs(Longs v) {
  return static_cast<std::uint64_t>(_mm512_reduce_add_epi64(v));
}

/// weighing::power_of, in registers.
class Powers {
 public:
  LL_INLINE Powers() {
    alignas(64) double all[32];
    for (int i = 0; i < 32; ++i) {
      all[i] = weighing::power_of(i);
    }
    for (int i = 0; i < 4; ++i) {
      powers_[i] = _mm512_load_pd(all + 8 * i);
    }
  }
  /// Of the low 5 bits.
  LL_INLINE Doubles at(Longs i) const {
    const Doubles first = _mm512_permutex2var_pd(powers_[0], i, powers_[1]);
    const Doubles second = _mm512_permutex2var_pd(powers_[2], i, powers_[3]);
    return _mm512_mask_mov_pd(first, _mm512_test_epi64_mask(i, fill_long(16)), second);
  }

 private:
  Doubles powers_[4];
};

#include "backend/avx2/generic/split_tokens.inc"
}  // namespace

SplitWeights split_tokens(const float* logits, int n, double best, double reach, std::int32_t* near) {
  return run_split_tokens(logits, n, best, reach, near);
}

}  // namespace llorch::avx512
LL_TARGET_END
