// The one list of number formats: a new format is a folder here and a line below.
#include "quant/formats.h"

#include "base/check.h"
#include "quant/floats/floats.h"
#include "quant/iq1_m/iq1_m.h"
#include "quant/iq1_s/iq1_s.h"
#include "quant/iq2_s/iq2_s.h"
#include "quant/iq2_xs/iq2_xs.h"
#include "quant/iq2_xxs/iq2_xxs.h"
#include "quant/iq3_s/iq3_s.h"
#include "quant/iq3_xxs/iq3_xxs.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/iq4_xs/iq4_xs.h"
#include "quant/mxfp4/mxfp4.h"
#include "quant/nvfp4/nvfp4.h"
#include "quant/q1_0/q1_0.h"
#include "quant/q2_0/q2_0.h"
#include "quant/q2_k/q2_k.h"
#include "quant/q3_k/q3_k.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q4_1/q4_1.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q5_0/q5_0.h"
#include "quant/q5_1/q5_1.h"
#include "quant/q5_k/q5_k.h"
#include "quant/q6_k/q6_k.h"
#include "quant/q8_0/q8_0.h"
#include "quant/tq1_0/tq1_0.h"
#include "quant/tq2_0/tq2_0.h"

namespace llorch {

std::span<const Format> formats() {
  static const Format list[] = {kF32,    kF16,    kBf16,  kQ8_0,  kQ4_0,  kQ4_1,    kQ5_0,   kQ5_1,  kQ2_K,    kQ3_K,
                                kQ4_K,   kQ5_K,   kQ6_K,  kIQ1_S, kIQ1_M, kIQ2_XXS, kIQ2_XS, kIQ2_S, kIQ3_XXS, kIQ3_S,
                                kIQ4_NL, kIQ4_XS, kTQ1_0, kTQ2_0, kQ1_0,  kQ2_0,    kMxfp4,  kNVFP4};
  return list;
}

const Format* find_format(std::uint32_t gguf_type_id) {
  for (const Format& format : formats()) {
    if (static_cast<std::uint32_t>(format.type) == gguf_type_id) {
      return &format;
    }
  }
  return nullptr;
}

const Format* find_format(std::string_view name) {
  for (const Format& format : formats()) {
    if (format.name == name) {
      return &format;
    }
  }
  return nullptr;
}

const Format& format_of(DType type) {
  if (type == DType::u8 || type == DType::f8_e4m3) {
    return type == DType::u8 ? kU8 : kF8E4m3;
  }
  const Format* format = find_format(static_cast<std::uint32_t>(type));
  LL_CHECK(format != nullptr, "a DType outside of the list of formats");
  return *format;
}

}  // namespace llorch
