#include "quant/iq3_s/iq3_s.h"

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq_grids/grids.h"

namespace llorch {
namespace {

void decode(const BlockIQ3_S& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int part = 0; part < BlockIQ3_S::kLen / 4; ++part, out += 4) {
    const int packed = (block.scales[part / 16] >> part / 8 % 2 * 4) & 15;
    const float scale = d * static_cast<float>(1 + 2 * packed);
    const int index = block.qs[part] | (block.qh[part / 8] >> part % 8 & 1) << 8;
    iq3_weights(kIq3SGrid[index], kIq3SLevels, block.signs[part / 2] >> part % 2 * 4, scale, out);
  }
}

}  // namespace

constinit const Format kIQ3_S = {
    DType::iq3_s, "IQ3_S", BlockIQ3_S::kLen, sizeof(BlockIQ3_S), decode_blocks<BlockIQ3_S, decode>, nullptr, kF16At<0>};

}  // namespace llorch
