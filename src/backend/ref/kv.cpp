#include "backend/ref/kv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "backend/batch.h"
#include "quant/half.h"

namespace llorch::ref {
namespace {

std::ptrdiff_t padded(int head_dim) {
  return (head_dim + kKvScaleBlock - 1) / kKvScaleBlock * kKvScaleBlock;
}

/// One block of q8_0 from n <= 32 values.
void quantise(const float* values, int n, std::int8_t* q, std::uint16_t& scale) {
  constexpr float kTiny = 1e-30F;  // below it 127 / largest is not a float
  float largest = 0;
  bool finite = true;
  for (int i = 0; i < n; ++i) {
    finite = finite && std::isfinite(values[i]);
    largest = std::max(largest, std::fabs(values[i]));
  }
  const float inverse = finite && largest > kTiny ? 127.0F / largest : 0.0F;
  for (int i = 0; i < kKvScaleBlock; ++i) {
    q[i] = i < n && finite ? static_cast<std::int8_t>(std::nearbyint(values[i] * inverse)) : std::int8_t{0};
  }
  scale = f32_to_f16(finite ? largest / 127.0F : std::numeric_limits<float>::quiet_NaN());
}

void store_q8_0(const float* values, int head_dim, std::byte* piece, int slot) {
  const std::ptrdiff_t width = padded(head_dim);
  auto* q = reinterpret_cast<std::int8_t*>(piece) + slot * width;
  std::byte* scales = piece + kKvBlock * width + slot * (width / kKvScaleBlock) * 2;
  for (int d = 0; d < head_dim; d += kKvScaleBlock, scales += 2) {
    std::uint16_t scale = 0;
    quantise(values + d, std::min(kKvScaleBlock, head_dim - d), q + d, scale);
    std::memcpy(scales, &scale, sizeof scale);
  }
}

void load_q8_0(const std::byte* piece, int head_dim, int slot, float* values) {
  const std::ptrdiff_t width = padded(head_dim);
  const auto* q = reinterpret_cast<const std::int8_t*>(piece) + slot * width;
  const std::byte* scales = piece + kKvBlock * width + slot * (width / kKvScaleBlock) * 2;
  for (int d = 0; d < head_dim; ++d) {
    std::uint16_t scale = 0;
    std::memcpy(&scale, scales + d / kKvScaleBlock * 2, sizeof scale);
    values[d] = f16_to_f32(scale) * static_cast<float>(q[d]);
  }
}

}  // namespace

void store_kv(KvType type, const float* values, int head_dim, std::byte* piece, int slot) {
  const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(slot) * head_dim;
  switch (type) {
    case KvType::f32:
      std::copy_n(values, head_dim, reinterpret_cast<float*>(piece) + first);
      return;
    case KvType::f16:
      std::transform(values, values + head_dim, reinterpret_cast<std::uint16_t*>(piece) + first, f32_to_f16);
      return;
    case KvType::q8_0:
      store_q8_0(values, head_dim, piece, slot);
  }
}

void load_kv(KvType type, const std::byte* piece, int head_dim, int slot, float* values) {
  const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(slot) * head_dim;
  switch (type) {
    case KvType::f32:
      std::copy_n(reinterpret_cast<const float*>(piece) + first, head_dim, values);
      return;
    case KvType::f16: {
      const auto* halves = reinterpret_cast<const std::uint16_t*>(piece) + first;
      std::transform(halves, halves + head_dim, values, f16_to_f32);
      return;
    }
    case KvType::q8_0:
      load_q8_0(piece, head_dim, slot, values);
  }
}

}  // namespace llorch::ref
