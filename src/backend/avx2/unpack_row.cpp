// Rows of packed weights as floats: for ops that read single rows, as an embedding that is the output matrix too.
#include <bit>
#include <cstring>

#include "backend/avx2/float_panels.h"
#include "backend/avx2/packed.h"
#include "base/check.h"
#include "quant/half.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/mxfp4/e2m1.h"

namespace llorch::avx2 {
namespace {

constexpr int kBlock = 32;

/// One row's part of a unit.
struct Place {
  const std::byte* head;
  int lane;
  int panel_rows;

  /// This row's value of the head's run `index` of 16 bits, or of bytes after two such runs.
  std::uint16_t bits16(int index) const {
    std::uint16_t v;
    std::memcpy(&v, head + (index * panel_rows + lane) * 2, sizeof v);
    return v;
  }
  float half(int index) const { return f16_to_f32(bits16(index)); }
  int byte(int index) const { return std::to_integer<int>(head[(4 + index) * panel_rows + lane]); }
  int signed_byte(int index) const { return static_cast<std::int8_t>(byte(index)); }
};

// What the weights of half `half` of block b are multiplied with.

float half_a_block(const Place& at, int b, int /*half*/) {
  return at.half(b);
}
float bf16_a_block(const Place& at, int b, int /*half*/) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(at.bits16(b)) << 16);
}
float u8_a_block(const Place& at, int b, int /*half*/) {
  return at.half(0) * static_cast<float>(at.byte(b));
}
float i8_a_block(const Place& at, int b, int /*half*/) {
  return at.half(0) * static_cast<float>(at.signed_byte(b));
}
float i8_a_half(const Place& at, int b, int half) {
  return at.half(0) * static_cast<float>(at.signed_byte(2 * b + half));
}

// What is taken from them then.

float no_min(const Place& /*at*/, int /*b*/) {
  return 0;
}
float negative_half(const Place& at, int b) {
  return -at.half(2 + b);
}
float u8_min(const Place& at, int b) {
  return at.half(1) * static_cast<float>(at.byte(8 + b));
}

/// weight = scale * (values[bits] or bits - offset) - min.
struct Meaning {
  DType type;
  float (*scale)(const Place& at, int b, int half);
  float (*min)(const Place& at, int b);
  int offset;
  const std::int8_t* values = nullptr;
};
constexpr Meaning kMeanings[] = {
    {DType::q8_0, half_a_block, no_min, 128},
    {DType::q4_0, half_a_block, no_min, 8},
    {DType::q4_1, half_a_block, negative_half, 0},
    {DType::q5_0, half_a_block, no_min, 16},
    {DType::q5_1, half_a_block, negative_half, 0},
    {DType::iq4_nl, half_a_block, no_min, 0, kIq4Values},
    {DType::mxfp4, bf16_a_block, no_min, 0, kTwiceE2m1},
    {DType::q4_k, u8_a_block, u8_min, 0},
    {DType::q5_k, u8_a_block, u8_min, 0},
    {DType::iq4_xs, i8_a_block, no_min, 0, kIq4Values},
    {DType::q6_k, i8_a_half, no_min, 32},
};

const Meaning& meaning_of(DType type) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.type == type) {
      return meaning;
    }
  }
  LL_CHECK(false, "a packed format without a meaning");
  return kMeanings[0];
}

/// Weight i of a block: the bits that its vectors hold for this lane.
int bits_of(const PackedUnit& unit, const std::byte* vectors, const Place& at, int i) {
  const int g = i / 4;
  const auto byte_of = [&](int vector) {
    return std::to_integer<int>(vectors[(vector * at.panel_rows + at.lane) * 4 + i % 4]);
  };
  if (unit.vectors == 8) {
    return byte_of(g);
  }
  const int low = byte_of(g % 4) >> (g < 4 ? 0 : 4) & 15;
  if (unit.vectors == 5) {
    return low | (byte_of(4) >> g & 1) << 4;
  }
  return unit.vectors == 6 ? low | (byte_of(4 + g % 2) >> g / 2 * 2 & 3) << 4 : low;
}

void unpack_blocks(DType type, const std::byte* panel, int panel_rows, int lane, std::int64_t cols, float* out) {
  const Meaning& meaning = meaning_of(type);
  const PackedUnit& unit = *packed_unit(type);
  for (std::int64_t block = 0; block < cols / kBlock; ++block) {
    const auto b = static_cast<int>(block % unit.blocks);
    const Place at{panel + block / unit.blocks * unit.bytes(panel_rows), lane, panel_rows};
    const std::byte* vectors = at.head + unit.vectors_at(panel_rows, b);
    const float scales[2] = {meaning.scale(at, b, 0), meaning.scale(at, b, 1)};
    const float min = meaning.min(at, b);
    for (int i = 0; i < kBlock; ++i) {
      const int bits = bits_of(unit, vectors, at, i);
      const int value = meaning.values != nullptr ? meaning.values[bits] : bits - meaning.offset;
      *out++ = scales[i / (kBlock / 2)] * static_cast<float>(value) - min;
    }
  }
}

/// A panel is [cols][panel_rows].
void unpack_floats(DType type, const std::byte* panel, int panel_rows, int lane, std::int64_t cols, float* out) {
  const Format& format = format_of(type);
  for (std::int64_t k = 0; k < cols; ++k) {
    format.decode(panel + (k * panel_rows + lane) * format.block_bytes, out + k, 1);
  }
}

}  // namespace

void unpack_row(const MatrixView& w, const std::byte* packed, int panel_rows, std::int64_t row, float* out) {
  const bool is_float = has_float_panels(w.type);
  const std::int64_t row_bytes = is_float ? bytes_of(format_of(w.type), w.cols) : packed_row_bytes(w.type, w.cols);
  const std::byte* panel = packed + row / panel_rows * panel_rows * row_bytes;
  (is_float ? unpack_floats : unpack_blocks)(w.type, panel, panel_rows, static_cast<int>(row % panel_rows), w.cols,
                                             out);
}

}  // namespace llorch::avx2
