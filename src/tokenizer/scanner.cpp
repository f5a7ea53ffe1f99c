// The alternatives of each regular expression, tried in order at every position. All of them are written so that a
// character is looked at a bounded number of times: runs are measured once and then cut.
#include "tokenizer/scanner.h"

#include <array>

#include "base/unicode.h"
#include "base/utf8.h"
#include "tokenizer/old_unicode.h"

namespace llorch {
namespace {

enum class Kind { end, letter, number, newline, space, other };

struct Char {
  Kind kind = Kind::end;
  char32_t code = 0;
  std::size_t length = 0;
};

/// A place in the text, with the few questions that the patterns ask.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  std::size_t at() const { return at_; }
  void go(std::size_t at) { at_ = at; }
  Char peek(std::size_t at) const {
    const Utf8Char c = decode_utf8(text_.substr(at));
    if (c.length == 0) {
      return {};
    }
    return {kind_of(c.code), c.code, static_cast<std::size_t>(c.length)};
  }
  /// End of the run of `kind` from `at`, of no more than `most` characters.
  std::size_t run(std::size_t at, Kind kind, int most = -1) const {
    for (Char c = peek(at); c.kind == kind && most != 0; c = peek(at)) {
      at += c.length;
      --most;
    }
    return at;
  }
  bool ends_at(std::size_t at) const { return at >= text_.size(); }

 private:
  static Kind kind_of(char32_t c) {
    if (c < 0x80) {
      return kAscii[c];
    }
    if (is_white_space(c)) {
      return Kind::space;
    }
    const Category category = category_of(c);
    return is_letter(category) ? Kind::letter : is_number(category) ? Kind::number : Kind::other;
  }
  static constexpr std::array<Kind, 128> kAscii = [] {
    std::array<Kind, 128> kinds{};
    for (std::size_t c = 0; c < kinds.size(); ++c) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      const bool space = c == ' ' || (c >= 9 && c <= 13);
      kinds[c] = letter                   ? Kind::letter
                 : c >= '0' && c <= '9'   ? Kind::number
                 : c == '\n' || c == '\r' ? Kind::newline
                 : space                  ? Kind::space
                                          : Kind::other;
    }
    return kinds;
  }();

  std::string_view text_;
  std::size_t at_ = 0;
};

/// End of 's 't 're 've 'm 'll 'd after the apostrophe at `at`, or 0. Folding case takes the long s (U+017F) for an s.
std::size_t contraction(const Cursor& text, std::size_t at, bool fold_case) {
  const auto letter = [&](std::size_t where, std::size_t* end) -> char {
    const Char c = text.peek(where);
    *end = where + c.length;
    if (fold_case && c.code == 0x17F) {
      return 's';
    }
    if (fold_case && c.code >= 'A' && c.code <= 'Z') {
      return static_cast<char>(c.code - 'A' + 'a');
    }
    return c.code < 0x80 ? static_cast<char>(c.code) : '\0';
  };
  if (text.peek(at).code != '\'') {
    return 0;
  }
  std::size_t first_end = 0;
  std::size_t second_end = 0;
  const char first = letter(at + 1, &first_end);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') {
    return first_end;
  }
  const char second = letter(first_end, &second_end);
  const bool two =
      (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return two ? second_end : 0;
}

struct Spaces {
  std::size_t end = 0;          // of the run of \s
  std::size_t last = 0;         // where its last character begins
  std::size_t newline_end = 0;  // after the last newline in it, or 0
};

Spaces measure_spaces(const Cursor& text, std::size_t at) {
  Spaces spaces{at, at, 0};
  for (Char c = text.peek(at); c.kind == Kind::space || c.kind == Kind::newline; c = text.peek(spaces.end)) {
    spaces.last = spaces.end;
    spaces.end += c.length;
    if (c.kind == Kind::newline) {
      spaces.newline_end = spaces.end;
    }
  }
  return spaces;
}

/// \s+(?!\S)|\s+ : a run before text leaves its last character to the text, unless it is the only one.
std::size_t end_of_spaces(const Cursor& text, std::size_t at, const Spaces& spaces) {
  return text.ends_at(spaces.end) || spaces.last == at ? spaces.end : spaces.last;
}

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t next_gpt2(const Cursor& text) {
  const std::size_t at = text.at();
  if (const std::size_t end = contraction(text, at, false)) {
    return end;
  }
  const Char first = text.peek(at);
  const std::size_t body = first.code == ' ' ? at + 1 : at;
  const Kind kind = text.peek(body).kind;
  if (kind == Kind::letter || kind == Kind::number || kind == Kind::other) {
    return text.run(body, kind);
  }
  return end_of_spaces(text, at, measure_spaces(text, at));
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|
/// \s+(?!\S)|\s+
std::size_t next_llama3(const Cursor& text, int digits) {
  const std::size_t at = text.at();
  if (const std::size_t end = contraction(text, at, true)) {
    return end;
  }
  const Char first = text.peek(at);
  if (first.kind == Kind::letter) {
    return text.run(at, Kind::letter);
  }
  if (first.kind == Kind::number) {
    return text.run(at, Kind::number, digits);
  }
  const Kind second = text.peek(at + first.length).kind;
  if (first.kind != Kind::newline && second == Kind::letter) {
    return text.run(at + first.length, Kind::letter);
  }
  if (first.kind == Kind::other || (first.code == ' ' && second == Kind::other)) {
    const std::size_t body = first.kind == Kind::other ? at : at + 1;
    return text.run(text.run(body, Kind::other), Kind::newline);
  }
  const Spaces spaces = measure_spaces(text, at);
  return spaces.newline_end > 0 ? spaces.newline_end : end_of_spaces(text, at, spaces);
}

struct KnownPattern {
  std::string_view regex;
  Pattern pattern;
};
constexpr KnownPattern kKnown[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Pattern::llama3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Pattern::qwen2},
    {R"(\p{N})", Pattern::number},
    {R"(\p{N}+)", Pattern::numbers},
};

/// \p{N} of Unicode 17, which Rust's char::is_numeric goes by; the regular expressions go by Unicode 16.
bool is_numeric(char32_t c) {
  return is_number(category_of(c)) || (c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6);
}

bool is_match(Pattern pattern, char32_t c) {
  switch (pattern) {
    case Pattern::digit:
    case Pattern::digits:
      return is_numeric(c);
    case Pattern::punctuation:
      return is_old_punctuation(c);
    case Pattern::white_space:
      return is_white_space(c);
    default:
      return is_number(category_of(c));
  }
}

/// Patterns of one character, or runs of it: what lies between is cut as well.
void scan_characters(Pattern pattern, std::string_view text, std::vector<Cut>& cuts) {
  const bool joins = pattern == Pattern::numbers || pattern == Pattern::digits;
  bool open = false;  // the last cut may grow
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    at += static_cast<std::size_t>(c.length);
    const bool match = is_match(pattern, c.code);
    if (open && cuts.back().match == match && (joins || !match)) {
      cuts.back().end = at;
    } else {
      cuts.push_back({at, match});
    }
    open = true;
  }
}

void scan_words(std::string_view text, std::vector<Cut>& cuts) {
  int last = -1;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    at += static_cast<std::size_t>(c.length);
    const int kind = is_white_space(c.code) ? 0 : is_word(c.code) ? 1 : 2;
    if (kind == last) {
      cuts.back().end = at;
    } else {
      cuts.push_back({at, kind != 0});
    }
    last = kind;
  }
}

/// Where the script changes; characters without one go with those before them.
void scan_scripts(std::string_view text, std::vector<Cut>& cuts) {
  int last = -1;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    const int script = old_script_of(c.code);
    const bool begins = script != kNoScript && script != last;
    at += static_cast<std::size_t>(c.length);
    if (begins || cuts.empty()) {
      cuts.push_back({at, !begins});
    } else {
      cuts.back().end = at;
    }
    if (script != kNoScript) {
      last = script;
    }
  }
}

}  // namespace

std::optional<Pattern> pattern_of(std::string_view regex) {
  for (const KnownPattern& known : kKnown) {
    if (known.regex == regex) {
      return known.pattern;
    }
  }
  return std::nullopt;
}

void scan(Pattern pattern, std::string_view text, std::vector<Cut>& cuts) {
  switch (pattern) {
    case Pattern::number:
    case Pattern::numbers:
    case Pattern::digit:
    case Pattern::digits:
    case Pattern::punctuation:
    case Pattern::white_space:
      return scan_characters(pattern, text, cuts);
    case Pattern::words:
      return scan_words(text, cuts);
    case Pattern::scripts:
      return scan_scripts(text, cuts);
    default:
      break;
  }
  Cursor cursor(text);
  while (!cursor.ends_at(cursor.at())) {
    cursor.go(pattern == Pattern::gpt2 ? next_gpt2(cursor) : next_llama3(cursor, pattern == Pattern::llama3 ? 3 : 1));
    cuts.push_back({cursor.at(), true});
  }
}

void scan_literal(std::string_view literal, std::string_view text, std::vector<Cut>& cuts) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t found = text.find(literal, at);
    if (found == std::string_view::npos) {
      cuts.push_back({text.size(), false});
      return;
    }
    if (found > at) {
      cuts.push_back({found, false});
    }
    at = found + literal.size();
    cuts.push_back({at, true});
  }
}

}  // namespace llorch
