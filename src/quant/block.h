// What the block formats share: copying a block struct in and out of unaligned bytes, the loops over blocks, ranges of
// weights, and safe rounding.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "quant/formats.h"

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

/// Format::decode from the decoding of one block to its kLen weights.
template <class Block, void (*decode_block)(const Block&, float*)>
void decode_blocks(const std::byte* blocks, float* out, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, out += Block::kLen) {
    decode_block(load_block<Block>(blocks + b * static_cast<std::int64_t>(sizeof(Block))), out);
  }
}

/// Format::encode from the encoding of kLen weights.
template <class Block, Block (*encode_block)(const float*)>
void encode_blocks(const float* in, std::byte* blocks, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, in += Block::kLen, blocks += sizeof(Block)) {
    store_block(encode_block(in), blocks);
  }
}

/// FloatFields of scales in f16 at these offsets.
template <int... offsets>
inline constexpr FloatField kF16At[] = {{offsets, 2, 0x7C00U}...};

/// The weight of the largest magnitude, with its sign; 0 where nothing is larger than 0.
inline float extreme(const float* in, int n) {
  float result = 0.0f;
  for (int i = 0; i < n; ++i) {
    result = std::fabs(in[i]) > std::fabs(result) ? in[i] : result;
  }
  return result;
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
