// Loops for AVX-512 F and VNNI: 12 independent chains, enough to cover the latency of two ports.
#include <immintrin.h>

#include "backend/roof/roof.h"

#define LL_TARGET __attribute__((target("avx512f,avx512vnni")))

namespace llorch::roof {
namespace {

constexpr int kChains = 12;
constexpr std::size_t kAhead = 4096;  // bytes between what is prefetched and what is read

/// g++ 12 warns about its own _mm512_reduce_*.
LL_TARGET std::uint64_t sum_of_words(__m512i v) {
  alignas(64) std::uint64_t words[8];
  _mm512_store_si512(words, v);
  std::uint64_t sum = 0;
  for (const std::uint64_t word : words) {
    sum += word;
  }
  return sum;
}

LL_TARGET std::uint64_t read(const std::byte* bytes, std::size_t n) {
  __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  for (std::size_t at = 0; at < n; at += 256) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      _mm_prefetch(reinterpret_cast<const char*>(bytes + at + i * 64 + kAhead), _MM_HINT_T0);
      sums[i] = _mm512_add_epi64(sums[i], _mm512_load_si512(bytes + at + i * 64));
    }
  }
  return sum_of_words(_mm512_add_epi64(_mm512_add_epi64(sums[0], sums[1]), _mm512_add_epi64(sums[2], sums[3])));
}

LL_TARGET std::uint64_t int8(std::int64_t rounds) {
  __m512i sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = _mm512_set1_epi32(i);
  }
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m512i& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, b);
    }
  }
  __m512i total = _mm512_setzero_si512();
  for (const __m512i& sum : sums) {
    total = _mm512_add_epi32(total, sum);
  }
  return sum_of_words(total);
}

LL_TARGET std::uint64_t f32(std::int64_t rounds) {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = _mm512_set1_ps(static_cast<float>(i));
  }
  const __m512 a = _mm512_set1_ps(0.5F);
  const __m512 b = _mm512_set1_ps(1.0F);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m512& sum : sums) {
      sum = _mm512_fmadd_ps(sum, a, b);
    }
  }
  __m512 total = _mm512_setzero_ps();
  for (const __m512& sum : sums) {
    total = _mm512_add_ps(total, sum);
  }
  return sum_of_words(_mm512_castps_si512(total));
}

constexpr Kernels kKernels = {.name = "avx512",
                              .read = read,
                              .int8 = int8,
                              .int8_ops = kChains * 64 * 2,
                              .f32 = f32,
                              .f32_ops = kChains * 16 * 2};

}  // namespace

const Kernels* avx512_kernels() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni") ? &kKernels : nullptr;
}

}  // namespace llorch::roof
