#include "quant/iq2_s/iq2_s.h"

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq_grids/grids.h"

namespace llorch {
namespace {

void decode(const BlockIQ2_S& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int part = 0; part < BlockIQ2_S::kLen / 8; ++part, out += 8) {
    const int packed = (block.scales[part / 4] >> part / 2 % 2 * 4) & 15;
    const float scale = d * (0.5f + static_cast<float>(packed)) * 0.25f;
    const int index = block.qs[part] | (block.qh[part / 4] >> part % 4 * 2 & 3) << 8;
    iq2_weights(kIq2SGrid[index], block.signs[part], scale, out);
  }
}

}  // namespace

constinit const Format kIQ2_S = {
    DType::iq2_s, "IQ2_S", BlockIQ2_S::kLen, sizeof(BlockIQ2_S), decode_blocks<BlockIQ2_S, decode>, nullptr, kF16At<0>};

}  // namespace llorch
