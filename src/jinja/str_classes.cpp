// str.isalpha and its like.
#include <unicode/uchar.h>

#include "base/unicode.h"
#include "base/utf8.h"
#include "jinja/chars.h"
#include "jinja/str_tables.h"

namespace llorch::jinja::str {
namespace {

bool has(char32_t c, UProperty property) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), property) != 0;
}

int numeric_type(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
}

bool is_digit_char(char32_t c) {
  const int type = numeric_type(c);
  return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}

/// True when all characters are of the class; `empty` is the answer for "".
template <class Is>
Value all_of(Runtime& runtime, std::string_view name, const Value& self, const Arguments& arguments, const Is& is,
             bool empty = false) {
  positional(name, arguments, 0, 0);
  const std::string_view text = self.text().view();
  runtime.step_bytes(2 * text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!is(c.code)) {
      return Value(false);
    }
    at += static_cast<std::size_t>(c.length);
  }
  return Value(!text.empty() || empty);
}

/// At least one character of `wanted`, none of the other case or of title case.
Value cased_as(Runtime& runtime, const Value& self, const Arguments& arguments, UProperty wanted) {
  const bool lower = wanted == UCHAR_LOWERCASE;
  const UProperty other = lower ? UCHAR_UPPERCASE : UCHAR_LOWERCASE;
  bool found = false;
  const Value good = all_of(runtime, lower ? "islower" : "isupper", self, arguments, [&](char32_t c) {
    found = found || has(c, wanted);
    return !has(c, other) && category_of(c) != Category::lt;
  });
  return Value(good.boolean() && found);
}

}  // namespace

Value isalpha(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(runtime, "isalpha", self, arguments, [](char32_t c) { return is_letter(category_of(c)); });
}

Value isalnum(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(runtime, "isalnum", self, arguments,
                [](char32_t c) { return is_letter(category_of(c)) || numeric_type(c) != U_NT_NONE; });
}

Value isascii(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(
      runtime, "isascii", self, arguments, [](char32_t c) { return c < 0x80; }, true);
}

Value isdecimal(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(runtime, "isdecimal", self, arguments, [](char32_t c) { return numeric_type(c) == U_NT_DECIMAL; });
}

Value isdigit(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(runtime, "isdigit", self, arguments, is_digit_char);
}

Value isnumeric(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(runtime, "isnumeric", self, arguments, [](char32_t c) { return numeric_type(c) != U_NT_NONE; });
}

Value isidentifier(Runtime& runtime, const Value& self, const Arguments& arguments) {
  positional("isidentifier", arguments, 0, 0);
  runtime.step_bytes(self.text().size());
  return Value(is_identifier(self.text().view()));
}

Value isprintable(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(runtime, "isprintable", self, arguments, is_printable, true);
}

Value isspace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return all_of(runtime, "isspace", self, arguments, is_python_space);
}

Value islower(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return cased_as(runtime, self, arguments, UCHAR_LOWERCASE);
}

Value isupper(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return cased_as(runtime, self, arguments, UCHAR_UPPERCASE);
}

Value istitle(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bool cased = false;
  bool after_cased = false;
  const Value good = all_of(runtime, "istitle", self, arguments, [&](char32_t c) {
    const bool upper = has(c, UCHAR_UPPERCASE) || category_of(c) == Category::lt;
    const bool lower = has(c, UCHAR_LOWERCASE);
    const bool fits = upper ? !after_cased : !lower || after_cased;
    after_cased = upper || lower;
    cased = cased || after_cased;
    return fits;
  });
  return Value(good.boolean() && cased);
}

}  // namespace llorch::jinja::str
