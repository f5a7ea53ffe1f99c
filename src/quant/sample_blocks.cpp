#include "quant/sample_blocks.h"

#include <cstring>
#include <random>

namespace llorch {
namespace {

/// The bits of `value`, from the lowest, at the places where `mask` has ones.
std::uint32_t spread(std::uint32_t value, std::uint32_t mask) {
  std::uint32_t out = 0;
  for (int bit = 0; bit < 32; ++bit) {
    if ((mask >> bit & 1) != 0) {
      out |= (value & 1) << bit;
      value >>= 1;
    }
  }
  return out;
}

void make_scale_small(const FloatField& field, std::byte* block) {
  constexpr std::uint32_t kExponent = 15 - 7;  // of an f16: the formats without encoder have no other scales
  std::uint32_t bits = 0;
  std::memcpy(&bits, block + field.offset, static_cast<std::size_t>(field.width_bytes));
  bits = (bits & ~field.exponent) | spread(kExponent, field.exponent);
  std::memcpy(block + field.offset, &bits, static_cast<std::size_t>(field.width_bytes));
}

}  // namespace

std::vector<std::byte> sample_blocks(const Format& format, std::span<const float> values) {
  const auto n_blocks = static_cast<std::int64_t>(values.size()) / format.block_len;
  std::vector<std::byte> blocks(static_cast<std::size_t>(n_blocks * format.block_bytes));
  if (format.encode != nullptr) {
    format.encode(values.data(), blocks.data(), n_blocks);
    return blocks;
  }
  std::mt19937 random(static_cast<std::uint32_t>(values.size()));
  for (std::byte& byte : blocks) {
    byte = static_cast<std::byte>(random() & 255);
  }
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    for (const FloatField& field : format.float_fields) {
      make_scale_small(field, blocks.data() + b * format.block_bytes);
    }
  }
  return blocks;
}

}  // namespace llorch
