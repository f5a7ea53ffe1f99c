#include "quant/iq2_xxs/iq2_xxs.h"

#include <cstring>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq_grids/grids.h"

namespace llorch {
namespace {

void decode(const BlockIQ2_XXS& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (const auto& group : block.qs) {
    std::uint32_t signs_and_scale = 0;
    std::memcpy(&signs_and_scale, group + 4, sizeof signs_and_scale);
    const float scale = d * (0.5f + static_cast<float>(signs_and_scale >> 28)) * 0.25f;
    for (int part = 0; part < 4; ++part, out += 8) {
      const int signs = even_signs(static_cast<int>(signs_and_scale >> 7 * part & 127));
      iq2_weights(kIq2XxsGrid[group[part]], signs, scale, out);
    }
  }
}

}  // namespace

constinit const Format kIQ2_XXS = {
    DType::iq2_xxs, "IQ2_XXS", BlockIQ2_XXS::kLen, sizeof(BlockIQ2_XXS), decode_blocks<BlockIQ2_XXS, decode>,
    nullptr,        kF16At<0>};

}  // namespace llorch
