#include "backend/ref/kv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "backend/batch.h"
#include "quant/half.h"

namespace llorch::ref {
namespace {

std::ptrdiff_t scales_of(int head_dim) {
  return (head_dim + kKvScaleBlock - 1) / kKvScaleBlock;
}

/// Channels as a piece has them, those that fill up a last block included.
std::ptrdiff_t width_of(KvType type, int head_dim) {
  return type == KvType::q8_0 ? scales_of(head_dim) * kKvScaleBlock : head_dim;
}

/// One block of q8_0 from n <= 32 values.
void quantise(const float* values, int n, std::int8_t* q, std::ptrdiff_t step, std::uint16_t& scale) {
  float largest = 0;
  bool finite = true;
  for (int i = 0; i < n; ++i) {
    finite = finite && std::isfinite(values[i]);
    largest = std::max(largest, std::fabs(values[i]));
  }
  const float inverse = finite && largest > kTiny ? 127.0F / largest : 0.0F;
  for (int i = 0; i < kKvScaleBlock; ++i) {
    q[i * step] = i < n && finite ? static_cast<std::int8_t>(std::nearbyint(values[i] * inverse)) : std::int8_t{0};
  }
  scale = f32_to_f16(finite ? largest / 127.0F : std::numeric_limits<float>::quiet_NaN());
}

void load(KvType type, const std::byte* piece, int head_dim, const KvPlace& at, float* values) {
  const auto* scales = reinterpret_cast<const std::uint16_t*>(piece + at.before_scales) + at.scale;
  for (int d = 0; d < head_dim; ++d) {
    const std::ptrdiff_t i = at.first + d * at.step;
    if (type == KvType::f32) {
      values[d] = reinterpret_cast<const float*>(piece)[i];
    } else if (type == KvType::f16) {
      values[d] = f16_to_f32(reinterpret_cast<const std::uint16_t*>(piece)[i]);
    } else {
      const float scale = f16_to_f32(scales[d / kKvScaleBlock * at.scale_step]);
      values[d] = scale * static_cast<float>(reinterpret_cast<const std::int8_t*>(piece)[i]);
    }
  }
}

}  // namespace

KvPlace key_place(KvType type, int head_dim, int slot) {
  return {slot, kKvBlock, slot, kKvBlock, kKvBlock * width_of(type, head_dim)};
}

KvPlace value_place(KvType type, int head_dim, int slot) {
  const std::ptrdiff_t width = width_of(type, head_dim);
  return {slot * width, 1, slot * scales_of(head_dim), 1, kKvBlock * width};
}

void store_at(KvType type, const float* values, int head_dim, std::byte* piece, const KvPlace& at) {
  if (type == KvType::q8_0) {
    auto* q = reinterpret_cast<std::int8_t*>(piece) + at.first;
    auto* scales = reinterpret_cast<std::uint16_t*>(piece + at.before_scales) + at.scale;
    for (int d = 0; d < head_dim; d += kKvScaleBlock) {
      quantise(values + d, std::min(kKvScaleBlock, head_dim - d), q + d * at.step, at.step,
               scales[d / kKvScaleBlock * at.scale_step]);
    }
    return;
  }
  for (int d = 0; d < head_dim; ++d) {
    const std::ptrdiff_t i = at.first + d * at.step;
    if (type == KvType::f32) {
      reinterpret_cast<float*>(piece)[i] = values[d];
    } else {
      reinterpret_cast<std::uint16_t*>(piece)[i] = f32_to_f16(values[d]);
    }
  }
}

void store_key(KvType type, const float* values, int head_dim, std::byte* piece, int slot) {
  store_at(type, values, head_dim, piece, key_place(type, head_dim, slot));
}

void store_value(KvType type, const float* values, int head_dim, std::byte* piece, int slot) {
  store_at(type, values, head_dim, piece, value_place(type, head_dim, slot));
}

void load_key(KvType type, const std::byte* piece, int head_dim, int slot, float* values) {
  load(type, piece, head_dim, key_place(type, head_dim, slot), values);
}

void load_value(KvType type, const std::byte* piece, int head_dim, int slot, float* values) {
  load(type, piece, head_dim, value_place(type, head_dim, slot), values);
}

}  // namespace llorch::ref
