// Decompositions: one character after another, then the marks of every run ordered (Unicode Standard, section 3.11).
#include "base/text_forms.h"

#include <algorithm>
#include <vector>

#include "base/text_tables.h"
#include "base/unicode.h"
#include "base/unicode_tables.h"
#include "base/utf8.h"

namespace llorch {
namespace {

constexpr char32_t kHangulS = 0xAC00, kHangulL = 0x1100, kHangulV = 0x1161, kHangulT = 0x11A7;
constexpr char32_t kVCount = 21, kTCount = 28, kSCount = 11172;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Calls fn(character, its bytes) for every character; invalid bytes come with `valid` false.
template <class Fn>
void for_each_character(std::string_view text, const Fn& fn) {
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    const auto length = static_cast<std::size_t>(c.length);
    fn(c, text.substr(0, length));
    text.remove_prefix(length);
  }
}

template <class Row>
const Row* find_row(std::span<const Row> table, char32_t c) {
  const auto found =
      std::lower_bound(table.begin(), table.end(), c, [](const Row& r, char32_t x) { return r.from < x; });
  return found != table.end() && found->from == c ? &*found : nullptr;
}

/// Writes characters, and holds back a run of marks until it is whole and in order.
class OrderedWriter {
 public:
  explicit OrderedWriter(std::string& out) : out_(out) {}
  void add(char32_t c) {
    const int rank = mark_rank(c);
    if (rank == 0) {
      flush();
      append_utf8(out_, c);
    } else {
      marks_.emplace_back(rank, c);
    }
  }
  void add_bytes(std::string_view bytes) {
    flush();
    out_ += bytes;
  }
  void flush() {
    std::stable_sort(marks_.begin(), marks_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [rank, c] : marks_) {
      append_utf8(out_, c);
    }
    marks_.clear();
  }

 private:
  std::string& out_;
  std::vector<std::pair<int, char32_t>> marks_;
};

void decompose(char32_t c, OrderedWriter& out) {
  if (c >= kHangulS && c < kHangulS + kSCount) {
    const char32_t s = c - kHangulS;
    out.add(kHangulL + s / (kVCount * kTCount));
    out.add(kHangulV + s % (kVCount * kTCount) / kTCount);
    if (s % kTCount != 0) {
      out.add(kHangulT + s % kTCount);
    }
    return;
  }
  const Decomposition* known = find_row(decompositions(), c);
  if (known == nullptr) {
    out.add(c);
    return;
  }
  for (const std::uint32_t part : known->to) {
    if (part != 0) {
      out.add(part);
    }
  }
}

/// Compatibility characters replaced; the result is not normalised yet.
std::string without_compatibility(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](const Utf8Char& c, std::string_view bytes) {
    const CompatibilityForm* form = c.valid && c.code >= 0x80 ? find_row(compatibility_forms(), c.code) : nullptr;
    if (form != nullptr) {
      out += form->to;
    } else {
      out += bytes;
    }
  });
  return out;
}

}  // namespace

std::string to_nfd(std::string_view text) {
  if (is_ascii(text)) {
    return std::string(text);
  }
  std::string out;
  out.reserve(text.size());
  OrderedWriter writer(out);
  for_each_character(text, [&](const Utf8Char& c, std::string_view bytes) {
    if (c.valid && c.code >= 0x80) {
      decompose(c.code, writer);
    } else {
      writer.add_bytes(bytes);
    }
  });
  writer.flush();
  return out;
}

std::string to_nfkd(std::string_view text) {
  return is_ascii(text) ? std::string(text) : to_nfd(without_compatibility(text));
}

std::string to_nfkc(std::string_view text) {
  return is_ascii(text) ? std::string(text) : to_nfc(without_compatibility(text));
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](const Utf8Char& c, std::string_view bytes) {
    if (c.valid && c.code < 0x80) {
      out += c.code >= 'A' && c.code <= 'Z' ? static_cast<char>(c.code + ('a' - 'A')) : static_cast<char>(c.code);
      return;
    }
    const LowerCase* lower = c.valid ? find_row(lower_cases(), c.code) : nullptr;
    if (lower == nullptr) {
      out += bytes;
      return;
    }
    append_utf8(out, lower->to);
    if (lower->to2 != 0) {
      append_utf8(out, lower->to2);
    }
  });
  return out;
}

std::uint8_t text_properties(char32_t c) {
  const auto table = text_property_ranges();
  const auto key = static_cast<std::uint32_t>(c) << 8 | 0xFFu;
  return static_cast<std::uint8_t>(*(std::upper_bound(table.begin(), table.end(), key) - 1) & 0xFFu);
}

}  // namespace llorch
