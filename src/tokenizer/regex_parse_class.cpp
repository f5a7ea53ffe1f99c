// Character classes, properties and escapes of Oniguruma's syntax.
#include "tokenizer/regex_parser.h"

namespace llorch {

/// After the '['. Parts joined by && are intersected; a '^' turns the whole around. Case is ignored in the outermost
/// class alone, before it is turned around, as Oniguruma does.
Result<CharSet> RegexParser::char_class(int depth, bool outermost) {
  if (depth > kMaxRegexDepth) {
    return error("classes are nested more than {} deep", kMaxRegexDepth);
  }
  const bool inverse = take("^");
  CharSet first;
  const bool bracket = peek() == ']';  // a ']' that comes first is a character
  if (bracket) {
    if (text_.find(']', at_ + 1) == std::string_view::npos) {
      return error("the class is empty");
    }
    ++at_;
    first.add(']', ']');
  }
  LL_ASSIGN(CharSet set, class_part(depth));
  set.add(first);
  while (take("&&")) {
    LL_ASSIGN(const CharSet other, class_part(depth));
    set = set.intersection(other);
  }
  if (!take("]")) {
    return error("a class has no ']'");
  }
  if (outermost) {
    set = folded(std::move(set));
  }
  return inverse ? set.inverse() : set;
}

/// Members up to && or ].
Result<CharSet> RegexParser::class_part(int depth) {
  CharSet set;
  while (!done() && peek() != ']' && !(peek() == '&' && peek(1) == '&')) {
    std::optional<char32_t> low;
    LL_ASSIGN(const CharSet member, class_atom(depth, &low));
    const bool dash = peek() == '-' && peek(1) != ']' && peek(1) != '\0';
    if (!dash) {
      set.add(low ? CharSet{{*low, *low}} : member);
      continue;
    }
    if (!low) {
      return error("a range of a class begins with a set");
    }
    if (peek(1) == '[' || (peek(1) == '&' && peek(2) == '&')) {  // the '-' is a character
      set.add(*low, *low);
      continue;
    }
    ++at_;
    std::optional<char32_t> high;
    LL_ASSIGN(const CharSet end, class_atom(depth, &high));
    if (!high || *high < *low) {
      return error("a range of a class {}", high ? "is empty" : "ends with a set");
    }
    set.add(*low, *high);
    if (peek() == '-' && peek(1) != ']') {  // a-c-e: the second '-' is a character
      ++at_;
      set.add('-', '-');
    }
  }
  return set;
}

/// One member: a character (*code) or a set.
Result<CharSet> RegexParser::class_atom(int depth, std::optional<char32_t>* code) {
  if (peek() == '[') {
    LL_ASSIGN(std::optional<CharSet> named, posix_bracket());
    if (named) {
      return std::move(*named);
    }
    ++at_;
    return char_class(depth + 1, false);
  }
  if (peek() == '\\') {
    LL_ASSIGN(Escape known, escape(true));
    *code = known.code;
    return std::move(known.set);
  }
  *code = take_char();
  return CharSet();
}

/// [:name:] or [:^name:]; nothing when the '[' is an ordinary one.
Result<std::optional<CharSet>> RegexParser::posix_bracket() {
  const std::size_t begin = at_;
  if (!take("[:")) {
    return std::optional<CharSet>();
  }
  const bool inverse = take("^");
  const std::size_t end = text_.find(":]", at_);
  if (end != std::string_view::npos && end - at_ <= 20) {
    if (const auto known = find_posix_class(text_.substr(at_, end - at_))) {
      at_ = end + 2;
      return std::optional(inverse ? known->inverse() : *known);
    }
  }
  at_ = begin;
  return std::optional<CharSet>();
}

Result<RegexParser::Escape> RegexParser::escape(bool in_class) {
  ++at_;
  if (done()) {
    return error("the pattern ends with a backslash");
  }
  const char32_t c = take_char();
  const auto set = [](const CharSet& known, bool inverse) {
    return Escape{std::nullopt, inverse ? known.inverse() : known};
  };
  switch (c) {
    case 'd':
    case 'D':
      return set(digit_set(), c == 'D');
    case 'w':
    case 'W':
      return set(in_class ? class_word_set() : word_set(), c == 'W');
    case 's':
    case 'S':
      return set(space_set(), c == 'S');
    case 'h':
    case 'H':
      return set(CharSet{{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, c == 'H');
    case 'N':
      return set(in_class ? CharSet{{'N', 'N'}} : CharSet{{'\n', '\n'}}, !in_class);
    case 'O':
      return set(in_class ? CharSet{{'O', 'O'}} : CharSet::all(), false);
    case 'p':
    case 'P': {
      if (peek() != '{') {
        return Escape{c, {}};
      }
      LL_ASSIGN(CharSet known, property(c == 'P'));
      return Escape{std::nullopt, std::move(known)};
    }
    case 't':
      return Escape{U'\t', {}};
    case 'n':
      return Escape{U'\n', {}};
    case 'r':
      return Escape{U'\r', {}};
    case 'f':
      return Escape{U'\f', {}};
    case 'v':
      return Escape{U'\v', {}};
    case 'a':
      return Escape{U'\a', {}};
    case 'e':
      return Escape{U'\x1B', {}};
    case 'b':
      return Escape{in_class ? U'\b' : c, {}};
    case 'R':
    case 'X':
      return in_class ? Result<Escape>(Escape{c, {}}) : error("'\\X' is not supported");
    case 'c': {
      if (done()) {
        return error("the pattern ends within '\\c'");
      }
      return Escape{take_char() & 0x1F, {}};
    }
    case 'C':
    case 'M':
      return peek() == '-' ? Result<Escape>(error("'\\C-' and '\\M-' are not supported")) : Escape{c, {}};
    default:
      return numeric_escape(c);
  }
}

std::optional<char32_t> RegexParser::digits(int base, int most) {
  char32_t value = 0;
  int n = 0;
  for (; n < most && !done(); ++n, ++at_) {
    const char c = peek();
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 16;
    if (digit >= base) {
      break;
    }
    value = value * static_cast<char32_t>(base) + static_cast<char32_t>(digit);
  }
  return n == 0 ? std::nullopt : std::optional(value);
}

/// \xHH, \x{H...}, \uHHHH, \o{...}, \nnn; any other character stands for itself.
Result<RegexParser::Escape> RegexParser::numeric_escape(char32_t c) {
  std::optional<char32_t> code;
  const bool braced = (c == 'x' || c == 'o') && peek() == '{';
  if (braced) {
    ++at_;
    code = digits(c == 'x' ? 16 : 8, 8);
    if (!code || !take("}")) {
      return error("'\\{}{{' is not a number in braces", static_cast<char>(c));
    }
  } else if (c == 'x') {
    code = digits(16, 2);
    if (!code || *code > 0x7F) {
      return error("'\\x' is not followed by two digits below 80; larger ones are written \\x{{...}}");
    }
  } else if (c == 'u') {
    const std::size_t begin = at_;
    code = digits(16, 4);
    if (at_ - begin != 4) {
      return error("'\\u' is not followed by four digits");
    }
  } else if (c >= '1' && c <= '9') {
    if (peek() < '0' || peek() > '7' || c > '7') {
      return error("the back reference '\\{}' is not supported", static_cast<char>(c));
    }
    --at_;
    code = digits(8, 3);
  } else if (c == '0') {
    code = digits(8, 2).value_or(0);
  } else {
    return Escape{c, {}};
  }
  if (*code > CharSet::kLast || (*code >= 0xD800 && *code < 0xE000)) {
    return error("U+{:X} is no character", static_cast<std::uint32_t>(*code));
  }
  return Escape{code, {}};
}

/// {name} or {^name} after \p or \P.
Result<CharSet> RegexParser::property(bool inverse) {
  ++at_;
  const std::size_t end = text_.find('}', at_);
  if (end == std::string_view::npos) {
    return error("a property's name has no '}}'");
  }
  std::string_view name = text_.substr(at_, end - at_);
  if (name.starts_with('^')) {
    inverse = !inverse;
    name.remove_prefix(1);
  }
  const auto known = find_property(name);
  if (!known) {
    return error("the property '{}' is not known", name);
  }
  at_ = end + 1;
  return inverse ? known->inverse() : *known;
}

}  // namespace llorch
