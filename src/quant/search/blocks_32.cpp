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

constexpr int N = 32;

}  // namespace

/// -128 stays unused: kernels negate.
void q8_0(const SearchRow& row, std::byte* out) {
  for_blocks<N>(row, [&](const float* x, const float* w) {
    float q[N];
    const float first = std::fabs(search::extreme<N>(x)) / 127.0F;
    BlockQ8_0 block{search_f16<N>(x, w, {-127, 127}, first, q), {}};
    for (int i = 0; i < N; ++i) {
      block.qs[i] = static_cast<std::int8_t>(q[i]);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

void q4_0(const SearchRow& row, std::byte* out) {
  for_blocks<N>(row, [&](const float* x, const float* w) {
    float q[N];
    BlockQ4_0 block{search_f16<N>(x, w, {-8, 7}, search::extreme<N>(x) / -8.0F, q), {}};
    for (int i = 0; i < N / 2; ++i) {
      block.qs[i] = static_cast<std::uint8_t>((static_cast<int>(q[i]) + 8) | (static_cast<int>(q[i + N / 2]) + 8) << 4);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

void q5_0(const SearchRow& row, std::byte* out) {
  for_blocks<N>(row, [&](const float* x, const float* w) {
    float q[N];
    BlockQ5_0 block{search_f16<N>(x, w, {-16, 15}, search::extreme<N>(x) / -16.0F, q), {}, {}};
    for (int i = 0; i < N; ++i) {
      store_q5_value(block.qs, block.qh, i, static_cast<int>(q[i]) + 16);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

/// The power of two that plain rounding takes, or one of its neighbours.
void mxfp4(const SearchRow& row, std::byte* out) {
  for_blocks<N>(row, [&](const float* x, const float* w) {
    std::byte plain[sizeof(BlockMxfp4)];
    kMxfp4.encode(x, plain, 1);
    const auto middle = load_block<BlockMxfp4>(plain);
    BlockMxfp4 best = middle;
    float best_error = std::numeric_limits<float>::infinity();
    for (int e = std::max(middle.e - 1, 0); e <= std::min(middle.e + 1, 254); ++e) {
      const BlockMxfp4 block = round_mxfp4(x, static_cast<std::uint8_t>(e));
      float decoded[N];
      store_block(block, plain);
      kMxfp4.decode(plain, decoded, 1);
      const float error = error_of<N>(x, w, decoded, 1.0F);
      if (error < best_error) {
        best_error = error;
        best = block;
      }
    }
    store_block(best, out);
    out += sizeof best;
  });
}

}  // namespace llorch::search
