#include "quant/iq1_m/iq1_m.h"

#include <cstddef>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq1_s/iq1_s.h"
#include "quant/iq_grids/grids.h"

namespace llorch {
namespace {

float block_scale(const std::uint16_t (&scales)[4]) {
  return f16_to_f32(static_cast<std::uint16_t>(scales[0] >> 12 | (scales[1] >> 12) << 4 | (scales[2] >> 12) << 8 |
                                               (scales[3] >> 12) << 12));
}

void decode(const BlockIQ1_M& block, float* out) {
  const float d = block_scale(block.scales);
  for (int part = 0; part < BlockIQ1_M::kLen / 8; ++part, out += 8) {
    const int packed = block.scales[part / 8] >> part / 2 % 4 * 3 & 7;
    const float scale = d * static_cast<float>(2 * packed + 1);
    const int high = block.qh[part / 2] >> part % 2 * 4;
    const float shift = (high & 8) != 0 ? -kIq1Shift : kIq1Shift;
    const std::uint16_t entry = kIq1Grid[block.qs[part] | (high & 7) << 8];
    for (int i = 0; i < 8; ++i) {
      out[i] = scale * (static_cast<float>(iq1_value(entry, i)) + shift);
    }
  }
}

/// The five bits of d's exponent: three are the top bits but one of the last scales, two the top bits of those before.
constexpr FloatField kExponent[] = {{offsetof(BlockIQ1_M, scales) + 4, 4, 0x7000C000U}};

}  // namespace

constinit const Format kIQ1_M = {
    DType::iq1_m, "IQ1_M", BlockIQ1_M::kLen, sizeof(BlockIQ1_M), decode_blocks<BlockIQ1_M, decode>, nullptr, kExponent};

}  // namespace llorch
