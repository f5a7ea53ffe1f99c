// Under the lexer, repr and the methods of str: what Python takes a character for, by ICU's tables.
#include "jinja/chars.h"

#include <unicode/uchar.h>

#include "base/unicode.h"
#include "base/utf8.h"

namespace llorch::jinja {

bool is_python_space(char32_t c) {
  return (c >= 0x1C && c <= 0x1F) || is_white_space(c);
}

bool is_python_word(char32_t c) {
  const Category category = category_of(c);
  return c == '_' || is_letter(category) || is_number(category);
}

bool is_printable(char32_t c) {
  switch (category_of(c)) {
    case Category::cc:
    case Category::cf:
    case Category::cs:
    case Category::co:
    case Category::cn:
    case Category::zl:
    case Category::zp:
    case Category::zs:
      return c == ' ';
    default:
      return true;
  }
}

bool is_identifier(std::string_view word) {
  for (std::size_t at = 0; at < word.size();) {
    const Utf8Char c = decode_utf8(word.substr(at));
    const auto code = static_cast<UChar32>(c.code);
    const bool fits = at == 0 ? c.code == '_' || u_hasBinaryProperty(code, UCHAR_XID_START) != 0
                              : u_hasBinaryProperty(code, UCHAR_XID_CONTINUE) != 0;
    if (!fits) {
      return false;
    }
    at += static_cast<std::size_t>(c.length);
  }
  return !word.empty();
}

}  // namespace llorch::jinja
