// Classes of characters as Python's regular expressions and str methods see them.
#pragma once

#include <string_view>

namespace llorch::jinja {

bool is_python_space(char32_t c);  // \s, str.isspace
bool is_python_word(char32_t c);   // \w: letters, numbers, '_'; no marks
bool is_printable(char32_t c);     // what repr() leaves as it is
/// A name of Python; `word` consists of \w.
bool is_identifier(std::string_view word);

}  // namespace llorch::jinja
