// Python's methods of str, with the origin of every byte kept where text is only moved.
#pragma once

#include <string_view>

#include "jinja/runtime.h"

namespace llorch::jinja {

using Method = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

/// nullptr when str has no such method (or none that templates may call).
Method find_string_method(std::string_view name);

// Shared with filters of the same name.
enum class Side { left, right, both };
/// str.strip(characters): white space when `characters` is none or undefined.
Text strip(Runtime& runtime, const Text& text, Side side, const Value& characters);
Text to_upper(Runtime& runtime, const Text& text);
Text to_lower(Runtime& runtime, const Text& text);
Text capitalize(Runtime& runtime, const Text& text);
/// Jinja's title filter differs from str.title: this is the method.
Text title(Runtime& runtime, const Text& text);
/// str.replace(from, to, count): count < 0 is all.
Text replace(Runtime& runtime, const Text& text, const Text& from, const Text& to, std::int64_t count);
/// Lines without their ends, as str.splitlines (which knows more line ends than "\n").
std::vector<Text> split_lines(Runtime& runtime, const Text& text, bool keep_ends);

}  // namespace llorch::jinja
