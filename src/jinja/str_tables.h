// The methods of str, one file for each group; str_methods.cpp lists their names.
#pragma once

#include "jinja/filters.h"
#include "jinja/str_methods.h"

namespace llorch::jinja::str {

// str_case.cpp
Value casefold(Runtime&, const Value&, const Arguments&);
Value capitalize(Runtime&, const Value&, const Arguments&);
Value lower(Runtime&, const Value&, const Arguments&);
Value swapcase(Runtime&, const Value&, const Arguments&);
Value title(Runtime&, const Value&, const Arguments&);
Value upper(Runtime&, const Value&, const Arguments&);

// str_classes.cpp
Value isalnum(Runtime&, const Value&, const Arguments&);
Value isalpha(Runtime&, const Value&, const Arguments&);
Value isascii(Runtime&, const Value&, const Arguments&);
Value isdecimal(Runtime&, const Value&, const Arguments&);
Value isdigit(Runtime&, const Value&, const Arguments&);
Value isidentifier(Runtime&, const Value&, const Arguments&);
Value islower(Runtime&, const Value&, const Arguments&);
Value isnumeric(Runtime&, const Value&, const Arguments&);
Value isprintable(Runtime&, const Value&, const Arguments&);
Value isspace(Runtime&, const Value&, const Arguments&);
Value istitle(Runtime&, const Value&, const Arguments&);
Value isupper(Runtime&, const Value&, const Arguments&);

// str_search.cpp
Value count(Runtime&, const Value&, const Arguments&);
Value endswith(Runtime&, const Value&, const Arguments&);
Value find(Runtime&, const Value&, const Arguments&);
Value index(Runtime&, const Value&, const Arguments&);
Value replace(Runtime&, const Value&, const Arguments&);
Value rfind(Runtime&, const Value&, const Arguments&);
Value rindex(Runtime&, const Value&, const Arguments&);
Value startswith(Runtime&, const Value&, const Arguments&);

// str_split.cpp
Value join(Runtime&, const Value&, const Arguments&);
Value partition(Runtime&, const Value&, const Arguments&);
Value rpartition(Runtime&, const Value&, const Arguments&);
Value rsplit(Runtime&, const Value&, const Arguments&);
Value split(Runtime&, const Value&, const Arguments&);
Value splitlines(Runtime&, const Value&, const Arguments&);

// str_trim.cpp
Value center(Runtime&, const Value&, const Arguments&);
Value expandtabs(Runtime&, const Value&, const Arguments&);
Value ljust(Runtime&, const Value&, const Arguments&);
Value lstrip(Runtime&, const Value&, const Arguments&);
Value removeprefix(Runtime&, const Value&, const Arguments&);
Value removesuffix(Runtime&, const Value&, const Arguments&);
Value rjust(Runtime&, const Value&, const Arguments&);
Value rstrip(Runtime&, const Value&, const Arguments&);
Value strip(Runtime&, const Value&, const Arguments&);
Value zfill(Runtime&, const Value&, const Arguments&);

// Shared.
/// Arguments of a method that has no names for them: how many there must and may be, in Python's words. Most methods
/// are such; the others read Parameters.
Parameters positional(std::string_view method, const Arguments& arguments, std::size_t n_required, std::size_t n_most);
/// An integer parameter that CPython takes as a C int.
int int_parameter(const Parameters& given, std::size_t i, int fallback);
/// A parameter that must be a string; `must` is the beginning of what is said when it is none.
const Text& text_parameter(const Parameters& given, std::size_t i, std::string_view must = "must be str");
/// Offset of the last `needle` (not empty) in `text`; npos when it is not there. Linear, by way of a copy.
std::size_t rfind_bytes(std::string_view text, std::string_view needle);
/// Bytes of one character at `at` of valid UTF-8.
std::size_t char_bytes(std::string_view text, std::size_t at);
/// Characters in valid UTF-8.
std::int64_t count_chars(std::string_view text);

}  // namespace llorch::jinja::str
