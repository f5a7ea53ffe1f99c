// A unit of the trie: bits 0 to 7 and 31 its label, bit 8 "a key ends here", bits 10 to 30 the offset of its children
// (shifted by 8 more when bit 9 is set). The unit of a leaf is the offset of its replacement, with bit 31 set.
#include "tokenizer/charsmap.h"

#include <algorithm>

#include "base/check.h"
#include "base/format.h"
#include "base/graphemes.h"
#include "base/utf8.h"

namespace llorch {
namespace {

constexpr std::size_t kMaxGrapheme = 6;        // bytes from which a grapheme is taken apart
constexpr std::size_t kMaxReplacement = 4096;  // bytes; known ones have 33

bool has_leaf(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
std::uint32_t label_of(std::uint32_t unit) {
  return unit & (std::uint32_t{1} << 31 | 0xFFu);
}
std::size_t children_of(std::size_t at, std::uint32_t unit) {
  return at ^ static_cast<std::size_t>(unit >> 10) << ((unit & std::uint32_t{1} << 9) >> 6);
}
std::size_t value_of(std::uint32_t unit) {
  return unit & ~(std::uint32_t{1} << 31);
}

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

std::string_view until_zero(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

}  // namespace

Result<Charsmap> Charsmap::parse(std::string_view blob) {
  if (blob.size() < 4) {
    return errorf(ErrorCode::model_file, "the charsmap has {} bytes, at least 4 are needed", blob.size());
  }
  const std::size_t n_bytes = read_u32(blob, 0);
  if (n_bytes % 4 != 0 || n_bytes < 4 || n_bytes > blob.size() - 4) {
    return errorf(ErrorCode::model_file, "the charsmap's trie claims {} bytes of {}", n_bytes, blob.size() - 4);
  }
  Charsmap map;
  map.units_.reserve(n_bytes / 4);
  for (std::size_t at = 4; at < 4 + n_bytes; at += 4) {
    map.units_.push_back(read_u32(blob, at));
  }
  map.replacements_ = blob.substr(4 + n_bytes);
  LL_TRY(map.walk([](std::string_view, std::string_view) {}));
  return map;
}

/// Calls fn for every rule, and checks on the way what can be reached.
Status Charsmap::walk(const std::function<void(std::string_view, std::string_view)>& fn) const {
  if (!is_utf8(replacements_)) {
    return errorf(ErrorCode::model_file, "the charsmap's replacements are not UTF-8");
  }
  struct Visit {
    std::size_t at;
    std::size_t depth;
    char label;
  };
  std::vector<bool> seen(units_.size());
  std::vector<Visit> open = {{0, 0, '\0'}};
  std::string key;
  seen[0] = true;
  while (!open.empty()) {
    const auto [at, depth, last] = open.back();
    open.pop_back();
    key.resize(depth);
    if (depth > 0) {
      key.back() = last;
    }
    const std::size_t base = children_of(at, units_[at]);
    if ((base & ~std::size_t{0xFF}) >= units_.size() || (has_leaf(units_[at]) && base >= units_.size())) {
      return errorf(ErrorCode::model_file, "the charsmap's unit {} points to unit {} of {}", at, base, units_.size());
    }
    if (has_leaf(units_[at])) {
      const std::size_t value = value_of(units_[base]);
      if (value >= replacements_.size() || (static_cast<unsigned char>(replacements_[value]) & 0xC0) == 0x80) {
        return errorf(ErrorCode::model_file, "the charsmap's unit {} names the replacement at {} of {} bytes", base,
                      value, replacements_.size());
      }
      const std::string_view replacement =
          until_zero(std::string_view(replacements_).substr(value, kMaxReplacement + 1));
      if (replacement.size() > kMaxReplacement) {
        return errorf(ErrorCode::model_file, "the charsmap's replacement at {} has more than {} bytes", value,
                      kMaxReplacement);
      }
      fn(key, replacement);
    }
    for (std::uint32_t label = 1; label < 256; ++label) {
      const std::size_t child = base ^ label;
      if (child < units_.size() && !seen[child] && label_of(units_[child]) == label) {
        seen[child] = true;
        open.push_back({child, depth + 1, static_cast<char>(label)});
      }
    }
  }
  return {};
}

void Charsmap::for_each_rule(const std::function<void(std::string_view, std::string_view)>& fn) const {
  const Status sound = walk(fn);  // parse() has seen to that
  LL_CHECK(sound.ok(), "a charsmap was checked when it was parsed");
}

/// Calls fn(Match) for every key that `text` begins with, the shortest first, until fn says false.
template <class Fn>
void Charsmap::for_each_prefix(std::string_view text, const Fn& fn) const {
  std::size_t node = children_of(0, units_[0]);
  for (std::size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const auto label = static_cast<unsigned char>(text[i]);
    node ^= label;
    if (node >= units_.size() || label_of(units_[node]) != label) {
      return;
    }
    const std::uint32_t unit = units_[node];
    node = children_of(node, unit);
    if (has_leaf(unit) &&
        !fn(Match{i + 1, until_zero(std::string_view(replacements_).substr(value_of(units_[node])))})) {
      return;
    }
  }
}

std::optional<Charsmap::Match> Charsmap::shortest(std::string_view text) const {
  std::optional<Match> found;
  for_each_prefix(text, [&](const Match& match) {
    found = match;
    return false;
  });
  return found;
}

std::optional<Charsmap::Match> Charsmap::longest(std::string_view text) const {
  std::optional<Match> found;
  for_each_prefix(text, [&](const Match& match) {
    found = match;
    return true;
  });
  return found;
}

std::string Charsmap::rewrite(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view grapheme = text.substr(0, grapheme_length(text));
    text.remove_prefix(grapheme.size());
    const auto whole = grapheme.size() < kMaxGrapheme ? shortest(grapheme) : std::nullopt;
    if (whole) {
      out += whole->replacement;
      continue;
    }
    for (std::size_t at = 0; at < grapheme.size();) {
      const auto length = static_cast<std::size_t>(decode_utf8(grapheme.substr(at)).length);
      const auto match = shortest(grapheme.substr(at, length));
      out += match ? match->replacement : grapheme.substr(at, length);
      at += length;
    }
  }
  return out;
}

std::string Charsmap::rewrite_longest(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto match = longest(text);
    const std::size_t length = match ? match->length : static_cast<std::size_t>(decode_utf8(text).length);
    out += match ? match->replacement : text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace llorch
