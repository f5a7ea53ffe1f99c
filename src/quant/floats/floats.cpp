#include "quant/floats/floats.h"

#include <array>
#include <cstring>

#include "quant/block.h"
#include "quant/floats/e4m3.h"
#include "quant/half.h"

namespace llorch {
namespace {

void copy_out(const std::byte* blocks, float* out, std::int64_t n) {
  if (n > 0) {  // memcpy takes no null, even for nothing
    std::memcpy(out, blocks, static_cast<std::size_t>(n) * sizeof(float));
  }
}

void copy_in(const float* in, std::byte* blocks, std::int64_t n) {
  if (n > 0) {
    std::memcpy(blocks, in, static_cast<std::size_t>(n) * sizeof(float));
  }
}

template <float (*convert)(std::uint16_t)>
void widen(const std::byte* blocks, float* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, blocks + 2 * i, sizeof bits);
    out[i] = convert(bits);
  }
}

template <std::uint16_t (*convert)(float)>
void narrow(const float* in, std::byte* blocks, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint16_t bits = convert(in[i]);
    std::memcpy(blocks + 2 * i, &bits, sizeof bits);
  }
}

void bytes_out(const std::byte* blocks, float* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(std::to_integer<int>(blocks[i]));
  }
}

void bytes_in(const float* in, std::byte* blocks, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    blocks[i] = static_cast<std::byte>(nearest_in(in[i], 0, 255));
  }
}

void e4m3_out(const std::byte* blocks, float* out, std::int64_t n) {
  static const std::array<float, 256> kValues = [] {
    std::array<float, 256> values{};
    for (std::size_t bits = 0; bits < values.size(); ++bits) {
      values[bits] = e4m3_to_f32(static_cast<std::uint8_t>(bits));
    }
    return values;
  }();
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = kValues[std::to_integer<std::size_t>(blocks[i])];
  }
}

void e4m3_in(const float* in, std::byte* blocks, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    blocks[i] = static_cast<std::byte>(f32_to_e4m3(in[i]));
  }
}

constexpr FloatField kF32Bits[] = {{0, 4, 0x7F800000U}};
constexpr FloatField kBf16Bits[] = {{0, 2, 0x7F80U}};
constexpr FloatField kE4m3Bits[] = {{0, 1, 0x7FU}};

}  // namespace

constinit const Format kF32 = {DType::f32, "F32", 1, 4, copy_out, copy_in, kF32Bits};
constinit const Format kF16 = {DType::f16, "F16", 1, 2, widen<f16_to_f32>, narrow<f32_to_f16>, kF16At<0>};
constinit const Format kBf16 = {DType::bf16, "BF16", 1, 2, widen<bf16_to_f32>, narrow<f32_to_bf16>, kBf16Bits};
constinit const Format kU8 = {DType::u8, "U8", 1, 1, bytes_out, bytes_in, {}};
constinit const Format kF8E4m3 = {DType::f8_e4m3, "F8_E4M3", 1, 1, e4m3_out, e4m3_in, kE4m3Bits};

}  // namespace llorch
