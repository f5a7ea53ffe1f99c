#include "quant/q4_0/q4_0.h"

#include <cmath>

#include "quant/block.h"
#include "quant/half.h"

namespace llorch {
namespace {

constexpr int kHalf = BlockQ4_0::kLen / 2;

void decode(const std::byte* blocks, float* out, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, out += BlockQ4_0::kLen) {
    const auto block = load_block<BlockQ4_0>(blocks + b * static_cast<std::int64_t>(sizeof(BlockQ4_0)));
    const float d = f16_to_f32(block.d);
    for (int i = 0; i < kHalf; ++i) {
      out[i] = static_cast<float>((block.qs[i] & 15) - 8) * d;
      out[i + kHalf] = static_cast<float>((block.qs[i] >> 4) - 8) * d;
    }
  }
}

void encode(const float* in, std::byte* blocks, std::int64_t n_blocks) {
  for (std::int64_t b = 0; b < n_blocks; ++b, in += BlockQ4_0::kLen, blocks += sizeof(BlockQ4_0)) {
    const float d = extreme(in, BlockQ4_0::kLen) / -8.0f;  // the extreme maps to -8 exactly
    const float inverse = inverse_or_zero(d);
    BlockQ4_0 block{f32_to_f16(d), {}};
    for (int i = 0; i < kHalf; ++i) {
      // + 8.5, then truncation: ggml's rounding, kept so that both programs write the same file.
      const int low = nearest_in(std::floor(in[i] * inverse + 8.5f), 0, 15);
      const int high = nearest_in(std::floor(in[i + kHalf] * inverse + 8.5f), 0, 15);
      block.qs[i] = static_cast<std::uint8_t>(low | high << 4);
    }
    store_block(block, blocks);
  }
}

}  // namespace

constinit const Format kQ4_0 = {DType::q4_0, "Q4_0", BlockQ4_0::kLen, sizeof(BlockQ4_0), decode, encode, kF16At<0>};

}  // namespace llorch
