#include "model/finite.h"

#include <cstring>
#include <span>

namespace llorch {
namespace {

/// Where a block keeps numbers that can be NaN or infinite. A value is not finite when all bits of `exponent` are set.
struct FloatField {
  int width_bytes;               // 1, 2 or 4
  std::uint32_t exponent;        // mask of the exponent's bits
  std::span<const int> offsets;  // in a block
};

constexpr std::uint32_t kF32Exponent = 0x7F800000U;
constexpr std::uint32_t kF16Exponent = 0x7C00U;
constexpr std::uint32_t kBf16Exponent = 0x7F80U;
constexpr int kAtStart[] = {0};
constexpr int kScaleAndMin[] = {0, 2};
constexpr std::uint32_t kE8m0Exponent = 0xFEU;  // 255 is NaN, and 254 is infinite in float
constexpr int kQ6KScale[] = {208};

FloatField field_of(DType type) {
  switch (type) {
    case DType::f32:
      return {4, kF32Exponent, kAtStart};
    case DType::f16:
      return {2, kF16Exponent, kAtStart};
    case DType::bf16:
      return {2, kBf16Exponent, kAtStart};
    case DType::q4_0:
    case DType::q8_0:
      return {2, kF16Exponent, kAtStart};
    case DType::q4_k:
      return {2, kF16Exponent, kScaleAndMin};
    case DType::q6_k:
      return {2, kF16Exponent, kQ6KScale};
    case DType::u8:
      break;
    case DType::mxfp4:
      return {1, kE8m0Exponent, kAtStart};
  }
  return {4, kF32Exponent, {}};
}

/// Branch-free over a run of plain floats, so that the compiler makes vectors of it.
template <class Bits>
bool any_not_finite(const std::byte* data, std::int64_t n, Bits exponent) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    Bits bits;
    std::memcpy(&bits, data + i * static_cast<std::int64_t>(sizeof(Bits)), sizeof(Bits));
    found |= static_cast<unsigned>((bits & exponent) == exponent);
  }
  return found != 0;
}

bool not_finite(const std::byte* at, const FloatField& field) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, at, static_cast<std::size_t>(field.width_bytes));  // little-endian hosts
  return (bits & field.exponent) == field.exponent;
}

bool run_is_finite(const std::byte* data, std::int64_t n_bytes, const FloatField& field) {
  return field.width_bytes == 4
             ? !any_not_finite<std::uint32_t>(data, n_bytes / 4, field.exponent)
             : !any_not_finite<std::uint16_t>(data, n_bytes / 2, static_cast<std::uint16_t>(field.exponent));
}

}  // namespace

std::int64_t first_not_finite(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  const Format& format = format_of(tensor.type);
  const FloatField field = field_of(tensor.type);
  const std::byte* data = tensor.data.data();
  constexpr std::int64_t kRun = 1 << 16;
  for (std::int64_t run = begin; run < end; run += kRun * format.block_bytes) {
    const std::int64_t run_end = std::min(end, run + kRun * format.block_bytes);
    if (format.block_len == 1 && run_is_finite(data + run, run_end - run, field)) {
      continue;
    }
    for (std::int64_t block = run; block < run_end; block += format.block_bytes) {
      for (const int offset : field.offsets) {
        if (not_finite(data + block + offset, field)) {
          return block + offset;
        }
      }
    }
  }
  return -1;
}

}  // namespace llorch
