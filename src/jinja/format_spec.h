// One value formatted as a specification says: what follows ':' in "{:>8.2f}", and the part of '%' directives that is
// the same.
#pragma once

#include <string_view>

#include "jinja/ops.h"

namespace llorch::jinja {

/// format(value, spec) of Python, for strings, integers, floats and booleans; for other values the empty spec alone.
/// What the function itself writes (digits, signs, fill) is from where `spec` is from.
Text format_value(Runtime& runtime, const Value& value, const Text& spec);

/// Digits of a float as 'e', 'f', 'g', 'E', 'F' or 'G' print it; `alternate` keeps trailing zeros and points ('#').
std::string real_digits(double value, char type, int precision, bool alternate);
/// Digits of an integer without sign, in base 2, 8, 10 or 16.
std::string integer_digits(const BigInt& value, char type);
/// Longest width and precision that are taken at all.
inline constexpr std::int64_t kMaxWidth = 1 << 24;

}  // namespace llorch::jinja
