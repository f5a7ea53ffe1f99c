// Number formats: what a tensor's bytes mean. One folder per block format holds its struct, decode and encode;
// formats.cpp is the one list. decode() is the definition of a format, for every backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace llorch {

/// Values are GGUF's type ids, so that a file's id is looked up in the list and never cast blindly. The last two are
/// SafeTensors' and not in the list: f8_e4m3 has its scale in another tensor and becomes floats at load
/// (model/fp8.h); u8 is no format of weights, but a part of formats that span two tensors.
enum class DType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
  q2_0 = 42,
  f8_e4m3 = 0xFFFFFFFD,
  u8 = 0xFFFFFFFE
};

/// A number in a block that can be NaN or infinite: it is when all bits of `exponent` are set.
struct FloatField {
  int offset;       // in a block
  int width_bytes;  // 1, 2 or 4
  std::uint32_t exponent;
};

struct Format {
  DType type;
  std::string_view name;  // "Q4_K", as GGUF tools spell it
  int block_len;          // weights in a block (1 for plain floats)
  int block_bytes;
  /// Decodes n_blocks whole blocks at `blocks` (any alignment) to out[n_blocks * block_len]. Never reads outside.
  void (*decode)(const std::byte* blocks, float* out, std::int64_t n_blocks);
  /// The inverse, by plain rounding; in[n_blocks * block_len]. nullptr: llorch does not make this format.
  void (*encode)(const float* in, std::byte* blocks, std::int64_t n_blocks);
  /// Where damage shows: decoded weights are finite when these are.
  std::span<const FloatField> float_fields;
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
