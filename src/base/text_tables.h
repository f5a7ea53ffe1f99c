// Data behind base/text_forms.h and base/graphemes.h, generated into text_tables.cpp by scripts/make_text_tables.mjs.
// All sorted by code point.
#pragma once

#include <cstdint>
#include <span>

namespace llorch {

struct LowerCase {
  std::uint32_t from;
  std::uint32_t to;
  std::uint32_t to2;  // 0: there is none
};

/// The full compatibility decomposition of a code point, where it differs from the canonical one.
struct CompatibilityForm {
  std::uint32_t from;
  const char* to;  // UTF-8
};

/// Code point << 8 | properties (TextProperty), one entry wherever they change.
std::span<const std::uint32_t> text_property_ranges();
std::span<const LowerCase> lower_cases();
std::span<const CompatibilityForm> compatibility_forms();

}  // namespace llorch
