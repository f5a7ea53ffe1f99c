#include "quant/iq2_xs/iq2_xs.h"

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq_grids/grids.h"

namespace llorch {
namespace {

void decode(const BlockIQ2_XS& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int part = 0; part < BlockIQ2_XS::kLen / 8; ++part, out += 8) {
    const int packed = (block.scales[part / 4] >> part / 2 % 2 * 4) & 15;
    const float scale = d * (0.5f + static_cast<float>(packed)) * 0.25f;
    iq2_weights(kIq2XsGrid[block.qs[part] & 511], even_signs(block.qs[part] >> 9), scale, out);
  }
}

}  // namespace

constinit const Format kIQ2_XS = {
    DType::iq2_xs, "IQ2_XS", BlockIQ2_XS::kLen, sizeof(BlockIQ2_XS), decode_blocks<BlockIQ2_XS, decode>,
    nullptr,       kF16At<0>};

}  // namespace llorch
