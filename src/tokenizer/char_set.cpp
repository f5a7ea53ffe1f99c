// Range arithmetic and the two-stage table.
#include "tokenizer/char_set.h"

#include <algorithm>
#include <map>

namespace llorch {

CharSet::CharSet(std::initializer_list<Range> ranges) : ranges_(ranges) {
  tidy();
}

void CharSet::assign(std::span<const CodeRange> ranges) {
  ranges_.clear();
  for (const CodeRange range : ranges) {
    ranges_.push_back({range.first, range.last});
  }
  tidy();
}

void CharSet::tidy() {
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  std::size_t n = 0;
  for (const Range range : ranges_) {
    if (n > 0 && range.first <= ranges_[n - 1].last + 1) {
      ranges_[n - 1].last = std::max(ranges_[n - 1].last, range.last);
    } else {
      ranges_[n++] = range;
    }
  }
  ranges_.resize(n);
}

void CharSet::add(char32_t first, char32_t last) {
  ranges_.push_back({first, last});
  tidy();
}

void CharSet::add(const CharSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  tidy();
}

CharSet CharSet::inverse() const {
  CharSet out;
  char32_t next = 0;
  for (const Range range : ranges_) {
    if (range.first > next) {
      out.ranges_.push_back({next, range.first - 1});
    }
    next = range.last + 1;
  }
  if (next <= kLast) {
    out.ranges_.push_back({next, kLast});
  }
  return out;
}

CharSet CharSet::intersection(const CharSet& other) const {
  CharSet outside = inverse();
  outside.add(other.inverse());
  return outside.inverse();
}

bool CharSet::has(char32_t c) const {
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), c, [](char32_t x, const Range& r) { return x < r.first; });
  return after != ranges_.begin() && c <= (after - 1)->last;
}

CharTable::CharTable(const CharSet& set) {
  std::map<Page, std::uint16_t> known;
  auto range = set.ranges().begin();
  for (char32_t base = 0; base <= CharSet::kLast; base += 256) {
    Page page{};
    while (range != set.ranges().end() && range->first < base + 256) {
      const char32_t last = std::min<char32_t>(range->last, base + 255);
      for (char32_t c = std::max(range->first, base); c <= last; ++c) {
        page[(c >> 5) & 7] |= 1u << (c & 31);
      }
      if (range->last > base + 255) {
        break;
      }
      ++range;
    }
    const auto [found, is_new] = known.emplace(page, static_cast<std::uint16_t>(pages_.size()));
    if (is_new) {
      pages_.push_back(page);
    }
    page_of_[base >> 8] = found->second;
  }
}

}  // namespace llorch
