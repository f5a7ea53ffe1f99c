// Formats with one scale for 32 weights.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/block.h"
#include "quant/mxfp4/mxfp4.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q5_0/fifth_bits.h"
#include "quant/q5_0/q5_0.h"
#include "quant/q8_0/q8_0.h"
#include "quant/search/searches.h"
#include "quant/search/symmetric.h"

namespace llorch::search {
namespace {

constexpr int kLen = 32;

}  // namespace

/// -128 stays unused: kernels negate.
void q8_0(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    float q[kLen];
    const float first = std::fabs(extreme(x, kLen)) / 127.0F;
    BlockQ8_0 block{search_f16<kLen>(x, w, {-127, 127}, first, q), {}};
    for (int i = 0; i < kLen; ++i) {
      block.qs[i] = static_cast<std::int8_t>(q[i]);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

void q4_0(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    float q[kLen];
    BlockQ4_0 block{search_f16<kLen>(x, w, {-8, 7}, extreme(x, kLen) / -8.0F, q), {}};
    for (int i = 0; i < kLen / 2; ++i) {
      block.qs[i] =
          static_cast<std::uint8_t>((static_cast<int>(q[i]) + 8) | (static_cast<int>(q[i + kLen / 2]) + 8) << 4);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

void q5_0(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    float q[kLen];
    BlockQ5_0 block{search_f16<kLen>(x, w, {-16, 15}, extreme(x, kLen) / -16.0F, q), {}, {}};
    for (int i = 0; i < kLen; ++i) {
      store_q5_value(block.qs, block.qh, i, static_cast<int>(q[i]) + 16);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

/// The power of two that plain rounding takes, or one of its neighbours.
void mxfp4(const SearchRow& row, std::byte* out) {
  for_blocks<kLen>(row, [&](const float* x, const float* w) {
    std::byte bytes[sizeof(BlockMxfp4)];
    kMxfp4.encode(x, bytes, 1);
    const auto plain = load_block<BlockMxfp4>(bytes);
    BlockMxfp4 best = plain;
    float best_error = 0;
    for (const int step : {0, -1, 1}) {  // plain rounding stays where nothing is better
      const BlockMxfp4 block = round_mxfp4(x, static_cast<std::uint8_t>(std::clamp(plain.e + step, 0, 254)));
      float decoded[kLen];
      store_block(block, bytes);
      kMxfp4.decode(bytes, decoded, 1);
      const float error = error_of<kLen>(x, w, decoded, 1.0F);
      if (step == 0 || error < best_error) {
        best_error = error;
        best = block;
      }
    }
    store_block(best, out);
    out += sizeof best;
  });
}

}  // namespace llorch::search
