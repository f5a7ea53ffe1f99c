// Loops that every compiler can build; it may vectorise them for the baseline instruction set.
#include <cstring>

#include "backend/roof/roof.h"

namespace llorch::roof {
namespace {

constexpr int kChains = 64;

std::uint64_t read(const std::byte* bytes, std::size_t n) {
  std::uint64_t sums[8] = {};
  for (std::size_t at = 0; at < n; at += sizeof sums) {
    std::uint64_t words[8];
    std::memcpy(words, bytes + at, sizeof words);
    for (int i = 0; i < 8; ++i) {
      sums[i] += words[i];
    }
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t s : sums) {
    sum += s;
  }
  return sum;
}

std::uint64_t int8(std::int64_t rounds) {
  std::int32_t sums[kChains] = {};
  std::int8_t values[kChains];
  std::memset(values, 3, sizeof values);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const auto factor = static_cast<std::int8_t>(round);
    for (int i = 0; i < kChains; ++i) {
      sums[i] += values[i] * factor;
    }
  }
  std::uint64_t sum = 0;
  for (const std::int32_t s : sums) {
    sum += static_cast<std::uint64_t>(static_cast<std::uint32_t>(s));
  }
  return sum;
}

std::uint64_t f32(std::int64_t rounds) {
  float sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = static_cast<float>(i);
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (float& s : sums) {
      s = s * 0.5F + 1.0F;
    }
  }
  float sum = 0;
  for (const float s : sums) {
    sum += s;
  }
  return static_cast<std::uint64_t>(sum);
}

constexpr Kernels kKernels = {
    .name = "scalar", .read = read, .int8 = int8, .int8_ops = 2 * kChains, .f32 = f32, .f32_ops = 2 * kChains};

}  // namespace

const Kernels& scalar_kernels() {
  return kKernels;
}

}  // namespace llorch::roof
