// MXFP4: 32 weights of 4 bits (E2M1) and one power of two. Byte i of qs holds weight i (low half) and weight i + 16
// (high half); weight = E2M1 * 2^(e - 127). OCP Microscaling Formats (MX) 1.0; order of the halves as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockMxfp4 {
  static constexpr int kLen = 32;
  std::uint8_t e;
  std::uint8_t qs[kLen / 2];
};
static_assert(sizeof(BlockMxfp4) == 17);

/// 32 weights with the scale 2^(e - 127), each rounded to the nearest value.
BlockMxfp4 round_mxfp4(const float* in, std::uint8_t e);

extern const Format kMxfp4;

}  // namespace llorch
