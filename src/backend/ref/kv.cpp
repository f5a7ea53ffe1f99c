#include "backend/ref/kv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "backend/batch.h"
#include "quant/half.h"

namespace llorch::ref {
namespace {

/// Where the channels of a token lie: channel d at first + d * step, the scale of block b at n + scale + b * scale_step
/// halves, n being what lies before the scales.
struct Place {
  std::ptrdiff_t first, step;
  std::ptrdiff_t scale, scale_step;
  std::ptrdiff_t before_scales;  // bytes
};

Place place_of(bool is_key, KvType type, int head_dim, int slot) {
  const std::ptrdiff_t n_scales = (head_dim + kKvScaleBlock - 1) / kKvScaleBlock;
  const std::ptrdiff_t width = type == KvType::q8_0 ? n_scales * kKvScaleBlock : head_dim;
  const std::ptrdiff_t before = kKvBlock * width;
  return is_key ? Place{slot, kKvBlock, slot, kKvBlock, before} : Place{slot * width, 1, slot * n_scales, 1, before};
}

/// One block of q8_0 from n <= 32 values.
void quantise(const float* values, int n, std::int8_t* q, std::ptrdiff_t step, std::uint16_t& scale) {
  constexpr float kTiny = 1e-30F;  // below it 127 / largest is not a float
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

void store(KvType type, const float* values, int head_dim, std::byte* piece, const Place& at) {
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

void load(KvType type, const std::byte* piece, int head_dim, const Place& at, float* values) {
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

void store_key(KvType type, const float* values, int head_dim, std::byte* piece, int slot) {
  store(type, values, head_dim, piece, place_of(true, type, head_dim, slot));
}

void store_value(KvType type, const float* values, int head_dim, std::byte* piece, int slot) {
  store(type, values, head_dim, piece, place_of(false, type, head_dim, slot));
}

void load_key(KvType type, const std::byte* piece, int head_dim, int slot, float* values) {
  load(type, piece, head_dim, place_of(true, type, head_dim, slot), values);
}

void load_value(KvType type, const std::byte* piece, int head_dim, int slot, float* values) {
  load(type, piece, head_dim, place_of(false, type, head_dim, slot), values);
}

}  // namespace llorch::ref
