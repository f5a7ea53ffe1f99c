// Lookups in the generated tables, and NFC: decompose, order the marks, compose (Unicode Standard, section 3.11).
#include "base/unicode.h"

#include <algorithm>
#include <vector>

#include "base/unicode_tables.h"
#include "base/utf8.h"

namespace llorch {

int mark_rank(char32_t c) {
  const auto runs = mark_runs();
  const auto after =
      std::upper_bound(runs.begin(), runs.end(), c, [](char32_t x, const MarkRun& r) { return x < r.first; });
  if (after == runs.begin()) {
    return 0;
  }
  const MarkRun& run = *(after - 1);
  return c < run.first + run.length ? run.rank : 0;
}

namespace {

constexpr char32_t kHangulS = 0xAC00, kHangulL = 0x1100, kHangulV = 0x1161, kHangulT = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

struct Unit {
  char32_t code;
  int rank;  // of the combining class; 0: a starter
};

void decompose(char32_t c, std::vector<Unit>& out) {
  if (c < 0xC0) {
    out.push_back({c, 0});
    return;
  }
  if (c >= kHangulS && c < kHangulS + kSCount) {
    const char32_t s = c - kHangulS;
    out.push_back({kHangulL + s / (kVCount * kTCount), 0});
    out.push_back({kHangulV + s % (kVCount * kTCount) / kTCount, 0});
    if (s % kTCount != 0) {
      out.push_back({kHangulT + s % kTCount, 0});
    }
    return;
  }
  const auto table = decompositions();
  const auto found =
      std::lower_bound(table.begin(), table.end(), c, [](const Decomposition& d, char32_t x) { return d.from < x; });
  if (found == table.end() || found->from != c) {
    out.push_back({c, mark_rank(c)});
    return;
  }
  for (const std::uint32_t part : found->to) {
    if (part != 0) {
      out.push_back({part, mark_rank(part)});
    }
  }
}

/// Stable order by class within every run of marks.
void order_marks(std::vector<Unit>& units) {
  for (std::size_t i = 0; i < units.size();) {
    std::size_t end = i;
    while (end < units.size() && units[end].rank != 0) {
      ++end;
    }
    const auto at = [&](std::size_t index) { return units.begin() + static_cast<std::ptrdiff_t>(index); };
    std::stable_sort(at(i), at(end), [](const Unit& a, const Unit& b) { return a.rank < b.rank; });
    i = std::max(end, i + 1);
  }
}

/// The composed character, or 0.
char32_t compose_pair(char32_t a, char32_t b) {
  if (a >= kHangulL && a < kHangulL + kLCount && b >= kHangulV && b < kHangulV + kVCount) {
    return kHangulS + ((a - kHangulL) * kVCount + (b - kHangulV)) * kTCount;
  }
  if (a >= kHangulS && a < kHangulS + kSCount && (a - kHangulS) % kTCount == 0 && b > kHangulT &&
      b < kHangulT + kTCount) {
    return a + (b - kHangulT);
  }
  const auto table = compositions();
  const auto found = std::lower_bound(table.begin(), table.end(), std::pair(a, b), [](const Composition& c, auto key) {
    return c.first != key.first ? c.first < key.first : c.second < key.second;
  });
  return found != table.end() && found->first == a && found->second == b ? found->composed : 0;
}

/// Composes in place: a character joins the last starter unless something of its class or a higher one stands between.
void compose(std::vector<Unit>& units) {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t n = 0;
  std::size_t starter = kNone;
  int last_rank = 0;
  for (const Unit unit : units) {
    const bool adjacent = starter != kNone && starter + 1 == n;
    const bool blocked = starter == kNone || (!adjacent && (last_rank == 0 || last_rank >= unit.rank));
    const char32_t composed = blocked ? 0 : compose_pair(units[starter].code, unit.code);
    if (composed != 0) {
      units[starter].code = composed;
      continue;
    }
    if (unit.rank == 0) {
      starter = n;
    }
    last_rank = unit.rank;
    units[n++] = unit;
  }
  units.resize(n);
}

/// Nothing below U+0300 composes with anything, nor is decomposed for good.
bool is_plainly_nfc(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0xCC; });
}

}  // namespace

Category category_of(char32_t c) {
  const auto table = category_ranges();
  const auto key = static_cast<std::uint32_t>(c) << 8 | 0xFFu;
  return static_cast<Category>(*(std::upper_bound(table.begin(), table.end(), key) - 1) & 0xFFu);
}

void for_each_category_run(const std::function<void(char32_t, char32_t, Category)>& fn) {
  const auto table = category_ranges();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const char32_t last = i + 1 < table.size() ? (table[i + 1] >> 8) - 1 : 0x10FFFF;
    fn(table[i] >> 8, last, static_cast<Category>(table[i] & 0xFF));
  }
}

bool is_white_space(char32_t c) {
  if (c < 0x80) {
    return c == ' ' || (c >= 9 && c <= 13);
  }
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word(char32_t c) {
  const Category k = category_of(c);
  const bool circled = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                       (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  return is_letter(k) || is_mark(k) || k == Category::nd || k == Category::nl || k == Category::pc || c == 0x200C ||
         c == 0x200D || circled;
}

std::string to_nfc(std::string_view text) {
  if (is_plainly_nfc(text)) {
    return std::string(text);
  }
  std::string out;
  out.reserve(text.size());
  std::vector<Unit> units;
  const auto flush = [&] {
    order_marks(units);
    compose(units);
    for (const Unit& unit : units) {
      append_utf8(out, unit.code);
    }
    units.clear();
  };
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (c.valid) {
      decompose(c.code, units);
    } else {
      flush();
      out += text.substr(0, static_cast<std::size_t>(c.length));
    }
    text.remove_prefix(static_cast<std::size_t>(c.length));
  }
  flush();
  return out;
}

}  // namespace llorch
