#include "quant/mxfp4/mxfp4.h"

#include <algorithm>
#include <cmath>

#include "quant/block.h"
#include "quant/mxfp4/e2m1.h"

namespace llorch {
namespace {

constexpr int kHalf = BlockMxfp4::kLen / 2;

float weight(int code, float half_scale) {
  return static_cast<float>(kTwiceE2m1[code]) * half_scale;
}

void decode(const std::byte* blocks, float* out, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, out += BlockMxfp4::kLen) {
    const auto block = load_block<BlockMxfp4>(blocks + b * static_cast<std::int64_t>(sizeof(BlockMxfp4)));
    const float half_scale = std::ldexp(1.0f, static_cast<int>(block.e) - 128);
    for (int i = 0; i < kHalf; ++i) {
      out[i] = weight(block.qs[i] & 15, half_scale);
      out[i + kHalf] = weight(block.qs[i] >> 4, half_scale);
    }
  }
}

void encode(const float* in, std::byte* blocks, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, in += BlockMxfp4::kLen, blocks += sizeof(BlockMxfp4)) {
    float largest = 0.0f;
    for (int i = 0; i < BlockMxfp4::kLen; ++i) {
      largest = std::max(largest, std::isfinite(in[i]) ? std::fabs(in[i]) : 0.0f);
    }
    int exponent = 0;  // largest = f * 2^exponent, f in [0.5, 1)
    std::frexp(largest, &exponent);
    // The largest value of E2M1 is 6: a power of two that brings `largest` into [4, 8).
    const int e = largest == 0.0f ? 0 : std::clamp(exponent - 3 + 127, 0, 254);
    store_block(round_mxfp4(in, static_cast<std::uint8_t>(e)), blocks);
  }
}

constexpr FloatField kScale[] = {{0, 1, 0xFDU}, {0, 1, 0xFEU}};  // 255 is NaN; 6 times 253 or 254 is infinite in float

}  // namespace

BlockMxfp4 round_mxfp4(const float* in, std::uint8_t e) {
  const double inverse_half_scale = std::ldexp(1.0, 128 - e);
  BlockMxfp4 block{e, {}};
  for (int i = 0; i < kHalf; ++i) {
    const int low = nearest_e2m1(static_cast<float>(in[i] * inverse_half_scale));
    const int high = nearest_e2m1(static_cast<float>(in[i + kHalf] * inverse_half_scale));
    block.qs[i] = static_cast<std::uint8_t>(low | high << 4);
  }
  return block;
}

constinit const Format kMxfp4 = {DType::mxfp4, "MXFP4", BlockMxfp4::kLen, sizeof(BlockMxfp4), decode, encode, kScale};

}  // namespace llorch
