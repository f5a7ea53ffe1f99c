// Number formats: what a tensor's bytes mean. One folder per block format holds its struct, decode and encode;
// formats.cpp is the one list. decode() is the definition of a format, for every backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace llorch {

/// Values are GGUF's type ids, so that a file's id is looked up in the list and never cast blindly. u8 is no format of
/// weights and not in the list: parts of SafeTensors formats that span two tensors.
enum class DType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q8_0 = 8,
  q4_k = 12,
  q6_k = 14,
  bf16 = 30,
  mxfp4 = 39,
  u8 = 0xFFFFFFFE
};

struct Format {
  DType type;
  std::string_view name;  // "Q4_K", as GGUF tools spell it
  int block_len;          // weights in a block (1 for plain floats)
  int block_bytes;
  /// Decodes n_blocks whole blocks at `blocks` (any alignment) to out[n_blocks * block_len]. Never reads outside.
  void (*decode)(const std::byte* blocks, float* out, std::int64_t n_blocks);
  /// The inverse, by plain rounding; in[n_blocks * block_len].
  void (*encode)(const float* in, std::byte* blocks, std::int64_t n_blocks);
};

/// Every format this build knows.
std::span<const Format> formats();
/// nullptr when the id or name is unknown.
const Format* find_format(std::uint32_t gguf_type_id);
const Format* find_format(std::string_view name);
/// The entry of a known type.
const Format& format_of(DType type);

/// Bytes of `n` weights; n must be a multiple of block_len.
inline std::int64_t bytes_of(const Format& format, std::int64_t n) {
  return n / format.block_len * format.block_bytes;
}

}  // namespace llorch
