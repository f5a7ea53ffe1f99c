// Q8_0: 32 weights of 8 bits and one scale. weight[i] = d * qs[i]. Layout and arithmetic as in ggml.
#pragma once

#include "quant/formats.h"

namespace llorch {

struct BlockQ8_0 {
  static constexpr int kLen = 32;
  std::uint16_t d;  // f16
  std::int8_t qs[kLen];
};
static_assert(sizeof(BlockQ8_0) == 34);

extern const Format kQ8_0;

}  // namespace llorch
