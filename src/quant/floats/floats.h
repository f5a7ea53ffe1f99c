// F32, F16, BF16, F8_E4M3 and plain bytes: formats whose block is one number, little-endian.
#pragma once

#include "quant/formats.h"

namespace llorch {

extern const Format kF32;
extern const Format kF16;
extern const Format kBf16;
extern const Format kF8E4m3;
extern const Format kU8;

}  // namespace llorch
