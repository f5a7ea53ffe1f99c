#include "quant/q8_0/q8_0.h"

#include <algorithm>
#include <cmath>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

void decode(const std::byte* blocks, float* out, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const auto block = load_block<BlockQ8_0>(blocks + b * static_cast<std::int64_t>(sizeof(BlockQ8_0)));
    const float d = f16_to_f32(block.d);
    for (int i = 0; i < BlockQ8_0::kLen; ++i) {
      *out++ = static_cast<float>(block.qs[i]) * d;
    }
  }
}

void encode(const float* in, std::byte* blocks, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, in += BlockQ8_0::kLen, blocks += sizeof(BlockQ8_0)) {
    float largest = 0.0f;
    for (int i = 0; i < BlockQ8_0::kLen; ++i) {
      largest = std::max(largest, std::fabs(in[i]));
    }
    const float d = largest / 127.0f;
    const float inverse = inverse_or_zero(d);
    BlockQ8_0 block{f32_to_f16(d), {}};
    for (int i = 0; i < BlockQ8_0::kLen; ++i) {
      block.qs[i] = static_cast<std::int8_t>(nearest_in(in[i] * inverse, -127, 127));
    }
    store_block(block, blocks);
  }
}

}  // namespace

constinit const Format kQ8_0 = {DType::q8_0, "Q8_0", BlockQ8_0::kLen, sizeof(BlockQ8_0), decode, encode, kF16At<0>};

}  // namespace llorch
