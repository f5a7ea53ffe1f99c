// What the block formats share: copying a block struct in and out of unaligned bytes, and safe rounding.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace llorch {

/// The block at `bytes`, at any alignment.
template <class Block>
Block load_block(const std::byte* bytes) {
  static_assert(std::is_trivially_copyable_v<Block>);
  Block block;
  std::memcpy(&block, bytes, sizeof(Block));
  return block;
}

template <class Block>
void store_block(const Block& block, std::byte* bytes) {
  static_assert(std::is_trivially_copyable_v<Block>);
  std::memcpy(bytes, &block, sizeof(Block));
}

/// The integer nearest to x (halves away from zero) in [low, high]; NaN gives low, so that no input is undefined.
inline int nearest_in(float x, int low, int high) {
  if (!(x > static_cast<float>(low))) {
    return low;
  }
  return x >= static_cast<float>(high) ? high : static_cast<int>(std::lround(x));
}

/// 1 / x, or 0 for a block of zeros.
inline float inverse_or_zero(float x) {
  return x != 0.0f ? 1.0f / x : 0.0f;
}

}  // namespace llorch
