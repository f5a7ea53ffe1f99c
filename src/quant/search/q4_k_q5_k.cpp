#include <cstdint>

#include "quant/block.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q5_k/q5_k.h"
#include "quant/search/affine_k.h"
#include "quant/search/searches.h"

namespace llorch::search {
namespace {

/// All that Q4_K and Q5_K store alike.
template <class Block>
Block pack(const AffineBlock& fitted) {
  Block block{};
  block.d = fitted.d;
  block.dmin = fitted.dmin;
  for (int group = 0; group < kAffineGroups; ++group) {
    pack_q4_k_group(block.scales, group, fitted.scales[group], fitted.mins[group]);
    for (int i = 0; i < kAffineGroup; ++i) {
      const int low = fitted.q[group * kAffineGroup + i] & 15;
      block.qs[group / 2 * kAffineGroup + i] |= static_cast<std::uint8_t>(low << group % 2 * 4);
    }
  }
  return block;
}

}  // namespace

void q4_k(const SearchRow& row, std::byte* out) {
  for_blocks<kAffineLen>(row, [&](const float* x, const float* w) {
    store_block(pack<BlockQ4_K>(fit_affine(x, w, 15)), out);
    out += sizeof(BlockQ4_K);
  });
}

void q5_k(const SearchRow& row, std::byte* out) {
  for_blocks<kAffineLen>(row, [&](const float* x, const float* w) {
    const AffineBlock fitted = fit_affine(x, w, 31);
    auto block = pack<BlockQ5_K>(fitted);
    for (int i = 0; i < kAffineLen; ++i) {
      block.qh[i % kAffineGroup] |= static_cast<std::uint8_t>(fitted.q[i] >> 4 << i / kAffineGroup);
    }
    store_block(block, out);
    out += sizeof block;
  });
}

}  // namespace llorch::search
