// Loops for AVX2 and FMA. AVX2 has no 8-bit dot product: vpmaddubsw, vpmaddwd and an addition take its place.
#include <immintrin.h>

#include "backend/roof/roof.h"

#define LL_TARGET __attribute__((target("avx2,fma")))

namespace llorch::roof {
namespace {

constexpr int kChains = 12;
constexpr std::size_t kAhead = 4096;  // bytes between what is prefetched and what is read

LL_TARGET std::uint64_t sum_of_words(__m256i v) {
  alignas(32) std::uint64_t words[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(words), v);
  return words[0] + words[1] + words[2] + words[3];
}

LL_TARGET std::uint64_t read(const std::byte* bytes, std::size_t n) {
  __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  for (std::size_t at = 0; at < n; at += 128) {
    _mm_prefetch(reinterpret_cast<const char*>(bytes + at + kAhead), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(bytes + at + 64 + kAhead), _MM_HINT_T0);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      const auto* from = reinterpret_cast<const __m256i*>(bytes + at + i * 32);
      sums[i] = _mm256_add_epi64(sums[i], _mm256_load_si256(from));
    }
  }
  return sum_of_words(_mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3])));
}

LL_TARGET std::uint64_t int8(std::int64_t rounds) {
  __m256i sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = _mm256_set1_epi32(i);
  }
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m256i& sum : sums) {
      asm volatile("" : "+x"(a));  // the product is the same each time: it must not be kept
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  __m256i total = _mm256_setzero_si256();
  for (const __m256i& sum : sums) {
    total = _mm256_add_epi32(total, sum);
  }
  return sum_of_words(total);
}

LL_TARGET std::uint64_t f32(std::int64_t rounds) {
  __m256 sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = _mm256_set1_ps(static_cast<float>(i));
  }
  const __m256 a = _mm256_set1_ps(0.5F);
  const __m256 b = _mm256_set1_ps(1.0F);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m256& sum : sums) {
      sum = _mm256_fmadd_ps(sum, a, b);
    }
  }
  __m256 total = _mm256_setzero_ps();
  for (const __m256& sum : sums) {
    total = _mm256_add_ps(total, sum);
  }
  return sum_of_words(_mm256_castps_si256(total));
}

constexpr Kernels kKernels = {
    .name = "avx2", .read = read, .int8 = int8, .int8_ops = kChains * 32 * 2, .f32 = f32, .f32_ops = kChains * 8 * 2};

}  // namespace

const Kernels* avx2_kernels() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kKernels : nullptr;
}

}  // namespace llorch::roof
