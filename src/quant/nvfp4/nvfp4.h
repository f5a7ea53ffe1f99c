// NVFP4: 64 weights of 4 bits (E2M1) in 4 groups of 16, each with a scale in unsigned E4M3. weight = E2M1 * scale.
// The scale of the whole tensor that NVIDIA's format has is a tensor of its own. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockNVFP4 {
  static constexpr int kLen = 64;
  static constexpr int kGroup = 16;
  std::uint8_t scales[kLen / kGroup];  // E4M3 without sign
  std::uint8_t qs[kLen / 2];  // each 8 bytes hold a group: weight i in the low half of byte i, i + 8 in the high
};
static_assert(sizeof(BlockNVFP4) == 36);

extern const Format kNVFP4;

}  // namespace llorch
