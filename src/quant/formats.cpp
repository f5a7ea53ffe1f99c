// The one list of number formats: a new format is a folder here and a line below.
#include "quant/formats.h"

#include "base/check.h"
#include "quant/floats/floats.h"
#include "quant/mxfp4/mxfp4.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q6_k/q6_k.h"
#include "quant/q8_0/q8_0.h"

namespace llorch {

std::span<const Format> formats() {
  static const Format list[] = {kF32, kF16, kBf16, kQ8_0, kQ4_0, kQ4_K, kQ6_K, kMxfp4};
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
  if (type == DType::u8) {
    return kU8;
  }
  const Format* format = find_format(static_cast<std::uint32_t>(type));
  LL_CHECK(format != nullptr, "a DType outside of the list of formats");
  return *format;
}

}  // namespace llorch
