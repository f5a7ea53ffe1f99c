// CharSet: sets of code points, as the classes and properties of regular expressions name them.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/unicode.h"
#include "base/unicode_sets.h"

namespace llorch {

/// A set of code points as sorted ranges that neither touch nor overlap.
class CharSet {
 public:
  struct Range {
    char32_t first;
    char32_t last;
    bool operator==(const Range&) const = default;
  };
  static constexpr char32_t kLast = 0x10FFFF;

  CharSet() = default;
  CharSet(std::initializer_list<Range> ranges);
  static CharSet all() { return CharSet{{0, kLast}}; }
  /// Ranges in any order.
  void assign(std::span<const CodeRange> ranges);

  void add(char32_t first, char32_t last);
  void add(const CharSet& other);
  CharSet inverse() const;
  CharSet intersection(const CharSet& other) const;
  bool has(char32_t c) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }
  bool operator==(const CharSet&) const = default;

 private:
  void tidy();

  std::vector<Range> ranges_;
};

/// The same for many lookups: two stages, one bit for each code point.
class CharTable {
 public:
  explicit CharTable(const CharSet& set);
  bool has(char32_t c) const { return pages_[page_of_[c >> 8]][(c >> 5) & 7] >> (c & 31) & 1; }
  bool has_ascii(unsigned char c) const { return pages_[0][c >> 5] >> (c & 31) & 1; }

 private:
  using Page = std::array<std::uint32_t, 8>;
  std::vector<Page> pages_;  // page 0 is that of U+0000
  std::array<std::uint16_t, 0x1100> page_of_{};
};

/// All characters whose general category passes test(category).
template <class Test>
CharSet category_set(const Test& test) {
  std::vector<CodeRange> ranges;
  for_each_category_run([&](char32_t first, char32_t last, Category category) {
    if (test(category)) {
      ranges.push_back({first, last});
    }
  });
  CharSet set;
  set.assign(ranges);
  return set;
}

/// A property by its name in \p{...}: general categories, scripts, POSIX names, a few others; case, '_', '-' and ' '
/// do not matter.
std::optional<CharSet> find_property(std::string_view name);
/// A POSIX bracket's name, as in [[:alpha:]].
std::optional<CharSet> find_posix_class(std::string_view name);

// \w, \s and \d of Oniguruma, and the \w within a class, which lacks the superscripts and fractions of Latin-1.
const CharSet& word_set();
const CharSet& class_word_set();
const CharSet& space_set();
const CharSet& digit_set();
/// `set` and all that equals one of its characters when case is ignored.
CharSet fold_case(const CharSet& set);

}  // namespace llorch
