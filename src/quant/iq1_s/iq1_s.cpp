#include "quant/iq1_s/iq1_s.h"

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq_grids/grids.h"

namespace llorch {
namespace {

void decode(const BlockIQ1_S& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int part = 0; part < BlockIQ1_S::kLen / 8; ++part, out += 8) {
    const int group = block.qh[part / 4];
    const float scale = d * static_cast<float>(2 * (group >> 12 & 7) + 1);
    const float shift = (group & 0x8000) != 0 ? -kIq1Shift : kIq1Shift;
    const std::uint16_t entry = kIq1Grid[block.qs[part] | (group >> part % 4 * 3 & 7) << 8];
    for (int i = 0; i < 8; ++i) {
      out[i] = scale * (static_cast<float>(iq1_value(entry, i)) + shift);
    }
  }
}

}  // namespace

constinit const Format kIQ1_S = {
    DType::iq1_s, "IQ1_S", BlockIQ1_S::kLen, sizeof(BlockIQ1_S), decode_blocks<BlockIQ1_S, decode>, nullptr, kF16At<0>};

}  // namespace llorch
