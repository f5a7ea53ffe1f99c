// The emulated instructions of kernels/ptx.cuh: matrix products against plain ones, and copies that arrive when they
// are waited for.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "backend/cuda/kernels/ptx.cuh"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "gpu/emulator/launch_for_test.h"

namespace llorch::emulator {
namespace {

/// Small whole numbers, so that sums are exact in any order.
std::vector<int> numbers(std::size_t n, int seed) {
  std::vector<int> values(n);
  std::uint32_t state = static_cast<std::uint32_t>(seed) * 2654435761U + 1;
  for (int& value : values) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<int>(state >> 24) % 17 - 8;
  }
  return values;
}

template <bool bf16>
std::vector<std::uint16_t> halves(const std::vector<int>& values) {
  std::vector<std::uint16_t> bits;
  for (const int value : values) {
    const auto x = static_cast<float>(value);
    bits.push_back(bf16 ? __float2bfloat16_rn(x).bits : __float2half_rn(x).bits);
  }
  return bits;
}

/// a [rows, k] times b [columns, k], row by row, plus `start`.
std::vector<int> product(const std::vector<int>& a, const std::vector<int>& b, std::size_t k, int start) {
  std::vector<int> c;
  for (std::size_t row = 0; row < a.size() / k; ++row) {
    for (std::size_t column = 0; column < b.size() / k; ++column) {
      int sum = start;
      for (std::size_t i = 0; i < k; ++i) {
        sum += a[row * k + i] * b[column * k + i];
      }
      c.push_back(sum);
    }
  }
  return c;
}

/// a [16, 16], b [8, 16], c [16, 8].
template <bool bf16>
__global__ void multiply_warp(const std::uint16_t* a, const std::uint16_t* b, float* c) {
  __shared__ __align__(16) std::uint16_t rows[16][16];
  __shared__ __align__(16) std::uint16_t columns[8][16];
  for (unsigned int i = threadIdx.x; i < 256; i += 32) {
    rows[i / 16][i % 16] = a[i];
    columns[i / 16 % 8][i % 16] = b[i % 128];
  }
  __syncwarp();
  const unsigned int lane = threadIdx.x;
  std::uint32_t ra[4];
  std::uint32_t rb[4];
  cuda::load_matrices(ra, &rows[lane % 16][lane / 16 * 8]);
  cuda::load_matrices(rb, &columns[lane % 8][lane / 8 % 2 * 8]);
  float sums[4] = {3, 3, 3, 3};
  cuda::mma_float<bf16>(sums, ra, rb[0], rb[1]);
  for (unsigned int i = 0; i < 4; ++i) {
    c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sums[i];
  }
}

template <bool bf16>
void check_warp() {
  const std::vector<int> a = numbers(256, 1);
  const std::vector<int> b = numbers(128, 2);
  const std::vector<std::uint16_t> a_bits = halves<bf16>(a);
  const std::vector<std::uint16_t> b_bits = halves<bf16>(b);
  std::vector<float> c(128);
  ASSERT_EQ(run_block(multiply_warp<bf16>, 32, 0, a_bits.data(), b_bits.data(), c.data()), cudaSuccess);
  EXPECT_EQ(std::vector<int>(c.begin(), c.end()), product(a, b, 16, 3));
}

TEST(EmulatedInstructions, WarpProductOfFloats) {
  check_warp<true>();
  check_warp<false>();
}

/// b [8, 16] read by columns: the transposed load of what is [k, n] in memory.
__global__ void load_both(const std::uint16_t* from, std::uint32_t* plain, std::uint32_t* transposed) {
  __shared__ __align__(16) std::uint16_t rows[32][8];
  for (unsigned int i = threadIdx.x; i < 256; i += 32) {
    rows[i / 8][i % 8] = from[i];
  }
  __syncwarp();
  std::uint32_t r[4];
  cuda::load_matrices(r, rows[threadIdx.x]);
  std::copy(r, r + 4, plain + threadIdx.x * 4);
  cuda::load_transposed(r, rows[threadIdx.x]);
  std::copy(r, r + 4, transposed + threadIdx.x * 4);
}

TEST(EmulatedInstructions, LoadsOfMatrices) {
  std::vector<std::uint16_t> from(256);
  for (std::size_t i = 0; i < from.size(); ++i) {
    from[i] = static_cast<std::uint16_t>(i);
  }
  std::vector<std::uint32_t> plain(128);
  std::vector<std::uint32_t> transposed(128);
  ASSERT_EQ(run_block(load_both, 32, 0, from.data(), plain.data(), transposed.data()), cudaSuccess);
  for (std::size_t lane = 0; lane < 32; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) {
      const auto at = [&](std::size_t row, std::size_t column) { return from[i * 64 + row * 8 + column]; };
      const std::size_t row = lane / 4;
      const std::size_t k = lane % 4 * 2;
      EXPECT_EQ(plain[lane * 4 + i], at(row, k) | static_cast<std::uint32_t>(at(row, k + 1)) << 16);
      EXPECT_EQ(transposed[lane * 4 + i], at(k, row) | static_cast<std::uint32_t>(at(k + 1, row)) << 16);
    }
  }
}

/// a [16, 32], b [8, 32] bytes; c [16, 8], and of the first 16 of K alone.
__global__ void multiply_bytes(const std::int8_t* a, const std::int8_t* b, int* whole, int* half) {
  const unsigned int lane = threadIdx.x;
  const auto four = [&](const std::int8_t* from) {
    std::uint32_t word = 0;
    for (unsigned int i = 0; i < 4; ++i) {
      word |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(from[i])) << (8 * i);
    }
    return word;
  };
  std::uint32_t ra[4];
  for (unsigned int i = 0; i < 4; ++i) {
    ra[i] = four(a + (lane / 4 + i % 2 * 8) * 32 + i / 2 * 16 + lane % 4 * 4);
  }
  const std::uint32_t b0 = four(b + lane / 4 * 32 + lane % 4 * 4);
  const std::uint32_t b1 = four(b + lane / 4 * 32 + 16 + lane % 4 * 4);
  int sums[4] = {};
  int first[4] = {};
  cuda::mma_q8(sums, ra, b0, b1);
  cuda::mma_q8_half(first, ra[0], ra[1], b0);
  for (unsigned int i = 0; i < 4; ++i) {
    const unsigned int at = (lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2;
    whole[at] = sums[i];
    half[at] = first[i];
  }
}

TEST(EmulatedInstructions, WarpProductOfBytes) {
  const std::vector<int> a = numbers(16 * 32, 3);
  const std::vector<int> b = numbers(8 * 32, 4);
  const std::vector<std::int8_t> a_bytes(a.begin(), a.end());
  const std::vector<std::int8_t> b_bytes(b.begin(), b.end());
  std::vector<int> whole(128);
  std::vector<int> half(128);
  ASSERT_EQ(run_block(multiply_bytes, 32, 0, a_bytes.data(), b_bytes.data(), whole.data(), half.data()), cudaSuccess);
  EXPECT_EQ(whole, product(a, b, 32, 0));
  const auto first_16 = [](const std::vector<int>& rows) {
    std::vector<int> first;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i % 32 < 16) {
        first.push_back(rows[i]);
      }
    }
    return first;
  };
  EXPECT_EQ(half, product(first_16(a), first_16(b), 16, 0));
}

constexpr int kGroupShared = (kGroupRows + kGroupColumns) * 16 * 2;

/// a [64, 16], b [128, 16] as matrices of 8 rows of 16 bytes: those of A's K side by side, those of B's rows.
__global__ void multiply_warpgroup(const std::uint16_t* a, const std::uint16_t* b, float* c, int n_products,
                                   bool fences, bool waits) {
  LL_DYNAMIC_SHARED(std::uint16_t, shared);
  std::uint16_t* shared_b = shared + kGroupRows * 16;
  for (unsigned int i = threadIdx.x; i < kGroupRows * 16; i += kGroupThreads) {
    const unsigned int row = i / 16;
    const unsigned int k = i % 16;
    shared[(row / 8 * 2 + k / 8) * 64 + row % 8 * 8 + k % 8] = a[i];
  }
  for (unsigned int i = threadIdx.x; i < kGroupColumns * 16; i += kGroupThreads) {
    const unsigned int row = i / 16;
    const unsigned int k = i % 16;
    shared_b[(k / 8 * 16 + row / 8) * 64 + row % 8 * 8 + k % 8] = b[i];
  }
  cuda::show_copies_to_products();
  __syncthreads();
  float sums[16][4] = {};
  if (fences) {
    cuda::begin_products();
  }
  for (int i = 0; i < n_products; ++i) {
    cuda::multiply_group<true>(sums, cuda::describe(shared, 128, 256), cuda::describe(shared_b, 16 * 128, 128),
                               i > 0 ? 1 : 0);
  }
  cuda::commit_products();
  if (waits) {
    cuda::wait_products<0>();
  }
  for (unsigned int i = 0; i < 64; ++i) {
    const unsigned int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4 + i % 4 / 2 * 8;
    c[row * kGroupColumns + i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2] = sums[i / 4][i % 4];
  }
}

TEST(EmulatedInstructions, WarpgroupProduct) {
  const std::vector<int> a = numbers(kGroupRows * 16, 5);
  const std::vector<int> b = numbers(kGroupColumns * 16, 6);
  const std::vector<std::uint16_t> a_bits = halves<true>(a);
  const std::vector<std::uint16_t> b_bits = halves<true>(b);
  std::vector<float> c(kGroupRows * kGroupColumns);
  const auto run = [&](int n_products, bool fences, bool waits) {
    return run_block(multiply_warpgroup, kGroupThreads, kGroupShared, a_bits.data(), b_bits.data(), c.data(),
                     n_products, fences, waits);
  };
  ASSERT_EQ(run(1, true, true), cudaSuccess);
  EXPECT_EQ(std::vector<int>(c.begin(), c.end()), product(a, b, 16, 0));
  ASSERT_EQ(run(2, true, true), cudaSuccess);
  std::vector<int> twice = product(a, b, 16, 0);
  for (int& value : twice) {
    value *= 2;
  }
  EXPECT_EQ(std::vector<int>(c.begin(), c.end()), twice);
  EXPECT_EXIT(run(1, false, true), testing::ExitedWithCode(kStopped), "without wgmma.fence");
  EXPECT_EXIT(run(1, true, false), testing::ExitedWithCode(kStopped), "products of its warpgroup on their way");
}

/// Two groups of copies, all but the last `n` of which are waited for.
template <int n>
__global__ void copy_two(const float* from, float* out) {
  LL_DYNAMIC_SHARED(float, shared);
  cuda::copy_async(shared, from);
  cuda::commit_copies();
  cuda::copy_async(shared + 4, from + 4, false);
  cuda::commit_copies();
  cuda::wait_copies<n>();
  std::copy(shared, shared + 8, out);
}

TEST(EmulatedInstructions, CopiesArriveWhenTheyAreWaitedFor) {
  alignas(16) std::array<float, 8> from = {1, 2, 3, 4, 5, 6, 7, 8};
  std::array<float, 8> out{};
  ASSERT_EQ(run_block(copy_two<2>, 1, 32, from.data(), out.data()), cudaSuccess);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_TRUE(std::isnan(out[4]));
  ASSERT_EQ(run_block(copy_two<1>, 1, 32, from.data(), out.data()), cudaSuccess);
  EXPECT_EQ(out[3], 4.0F);
  EXPECT_TRUE(std::isnan(out[4]));
  ASSERT_EQ(run_block(copy_two<0>, 1, 32, from.data(), out.data()), cudaSuccess);
  EXPECT_EQ(out[3], 4.0F);
  EXPECT_EQ(out[7], 0.0F);
}

/// What is still to be read is overwritten by a copy.
__global__ void overwrite(const float* from, float* out) {
  LL_DYNAMIC_SHARED(float, shared);
  for (int i = 0; i < 4; ++i) {
    shared[i] = 0;
  }
  cuda::copy_async(shared, from);
  cuda::commit_copies();
  out[0] = shared[0];
  cuda::wait_copies<0>();
}

/// A product of what was copied and waited for; told of it or not.
__global__ void multiply_copies(const std::uint16_t* from, bool tells) {
  LL_DYNAMIC_SHARED(std::uint16_t, shared);
  for (unsigned int i = threadIdx.x; i < kGroupShared / 16; i += kGroupThreads) {
    cuda::copy_async(shared + i * 8, from);
  }
  cuda::commit_copies();
  cuda::wait_copies<0>();
  if (tells) {
    cuda::show_copies_to_products();
  }
  __syncthreads();
  float sums[16][4];
  cuda::begin_products();
  cuda::multiply_group<false>(sums, cuda::describe(shared, 128, 256), cuda::describe(shared, 16 * 128, 128), 0);
  cuda::commit_products();
  cuda::wait_products<0>();
}

TEST(EmulatedInstructions, ProductsAreToldOfCopies) {
  alignas(16) const std::array<std::uint16_t, 8> from{};
  EXPECT_EQ(run_block(multiply_copies, kGroupThreads, kGroupShared, from.data(), true), cudaSuccess);
  EXPECT_EXIT(run_block(multiply_copies, kGroupThreads, kGroupShared, from.data(), false),
              testing::ExitedWithCode(kStopped), "without fence.proxy.async");
}

__global__ void copy_from(const std::uint16_t* from) {
  LL_DYNAMIC_SHARED(float, shared);
  cuda::copy_async(shared, from);
}

TEST(EmulatedInstructions, CopiesAreOfWholeVectors) {
  alignas(16) const std::array<std::uint16_t, 16> from{};
  EXPECT_EQ(run_block(copy_from, 1, 16, from.data() + 8), cudaSuccess);
  EXPECT_EXIT(run_block(copy_from, 1, 16, from.data() + 1), testing::ExitedWithCode(kStopped), "no multiple of 16");
}

TEST(EmulatedInstructions, SomeSeedsCopyAtOnce) {
  alignas(16) std::array<float, 4> from = {1, 2, 3, 4};
  int n_early = 0;
  for (int i = 0; i < 20; ++i) {
    const Seed seed(i);
    float out = 0;
    ASSERT_EQ(run_block(overwrite, 1, 16, from.data(), &out), cudaSuccess);
    EXPECT_TRUE(i > 0 || out == 0);
    n_early += out == 1.0F ? 1 : 0;
  }
  EXPECT_GT(n_early, 0);
}

TEST(EmulatedInstructions, RoundingIsToTheNearestEven) {
  EXPECT_EQ(__float2half_rn(1.0F + 0x1p-11F).bits, 0x3C00);
  EXPECT_EQ(__float2half_rn(1.0F + 0x3p-11F).bits, 0x3C02);
  EXPECT_EQ(__float2half_rn(65520.0F).bits, 0x7C00);
  EXPECT_EQ(__half2float(__ushort_as_half(1)), 0x1p-24F);
  EXPECT_EQ(__float2bfloat16_rn(1.0F + 0x1p-8F).bits, 0x3F80);
  EXPECT_EQ(__float2bfloat16_rn(1.0F + 0x3p-8F).bits, 0x3F82);
  EXPECT_EQ(__float2int_rn(2.5F), 2);
  EXPECT_EQ(__float2int_rn(1e20F), INT32_MAX);
  EXPECT_EQ(__byte_perm(0x44332211U, 0x88776655U, 0x7150U), 0x88226611U);
  EXPECT_EQ(cuda::power_of_2(-INFINITY), 0.0F);
}

}  // namespace
}  // namespace llorch::emulator
