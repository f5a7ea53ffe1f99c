// Data behind base/unicode.h, generated into unicode_tables.cpp by scripts/make_unicode_tables.mjs. All sorted.
#pragma once

#include <cstdint>
#include <span>

namespace llorch {

/// A run of code points [first, first + length) of one canonical combining class; `rank` orders the classes, from 1.
struct MarkRun {
  std::uint32_t first;
  std::uint8_t length;
  std::uint8_t rank;
};

/// The full canonical decomposition of a code point (Hangul syllables are computed instead); zeros end it.
struct Decomposition {
  std::uint32_t from;
  std::uint32_t to[4];
};

/// `first` followed by `second` composes to `composed`.
struct Composition {
  std::uint32_t first;
  std::uint32_t second;
  std::uint32_t composed;
};

/// Code point << 8 | Category, one entry wherever the category changes.
std::span<const std::uint32_t> category_ranges();
std::span<const MarkRun> mark_runs();
/// The place of a mark's combining class in the order of the classes; 0: not a mark that moves. By mark_runs().
int mark_rank(char32_t c);
std::span<const Decomposition> decompositions();
std::span<const Composition> compositions();

}  // namespace llorch
