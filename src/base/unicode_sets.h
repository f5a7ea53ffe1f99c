// Data for regular expressions, generated into unicode_sets.cpp by scripts/make_unicode_sets.mjs. Unicode 16.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace llorch {

struct CodeRange {
  std::uint32_t first;
  std::uint32_t last;
};

/// A script or a binary property; `name` in lower case without '_', several names may share a set.
struct UnicodeSet {
  std::string_view name;
  std::uint32_t begin;  // in unicode_set_ranges()
  std::uint32_t length;
};

/// Two characters that are equal when case is ignored; each pair is there both ways, sorted by `a`.
struct CasePair {
  std::uint32_t a;
  std::uint32_t b;
};

std::span<const CodeRange> unicode_set_ranges();
std::span<const UnicodeSet> unicode_sets();
std::span<const CasePair> case_pairs();

}  // namespace llorch
