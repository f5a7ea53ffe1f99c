#include "quant/iq3_xxs/iq3_xxs.h"

#include <cstring>

#include "quant/block.h"
#include "quant/half.h"
#include "quant/iq_grids/grids.h"

namespace llorch {
namespace {

void decode(const BlockIQ3_XXS& block, float* out) {
  const float d = f16_to_f32(block.d);
  const std::uint8_t* qs = block.qs;
  for (const auto& group : block.signs_and_scales) {
    std::uint32_t signs_and_scale = 0;
    std::memcpy(&signs_and_scale, group, sizeof signs_and_scale);
    const float scale = d * (0.5f + static_cast<float>(signs_and_scale >> 28)) * 0.5f;
    for (int part = 0; part < 4; ++part, out += 8, qs += 2) {
      const int signs = even_signs(static_cast<int>(signs_and_scale >> 7 * part & 127));
      iq3_weights(kIq3XxsGrid[qs[0]], kIq3XxsLevels, signs, scale, out);
      iq3_weights(kIq3XxsGrid[qs[1]], kIq3XxsLevels, signs >> 4, scale, out + 4);
    }
  }
}

}  // namespace

constinit const Format kIQ3_XXS = {
    DType::iq3_xxs, "IQ3_XXS", BlockIQ3_XXS::kLen, sizeof(BlockIQ3_XXS), decode_blocks<BlockIQ3_XXS, decode>,
    nullptr,        kF16At<0>};

}  // namespace llorch
