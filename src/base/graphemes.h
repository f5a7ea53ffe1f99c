// Extended grapheme clusters (Unicode Standard Annex 29): what a reader takes for one character.
#pragma once

#include <cstdint>
#include <string_view>

namespace llorch {

/// In the order of the generated table.
enum class GraphemeClass : std::uint8_t {
  other,
  cr,
  lf,
  control,
  extend,
  zwj,
  spacing,
  prepend,
  l,
  v,
  t,
  lv,
  lvt,
  regional,
  pictographic,
  linker
};

/// Bytes of the cluster at the start of `text`; 0 for an empty one. Linear in the answer.
std::size_t grapheme_length(std::string_view text);

}  // namespace llorch
