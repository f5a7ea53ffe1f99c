// UTF-8 that may be damaged: decoding one character at a time, and repair as WHATWG and Rust do it (one U+FFFD for
// every maximal part of a character that could not be finished).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace llorch {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// What lies at the start of some bytes.
struct Utf8Char {
  char32_t code = 0;  // U+FFFD when not valid
  int length = 0;     // bytes taken: a whole character, or the maximal part of one; 0 for empty input
  bool valid = false;
  bool cut = false;  // not valid, but more bytes could finish it
};

Utf8Char decode_utf8(std::string_view bytes);
void append_utf8(std::string& out, char32_t code);
bool is_utf8(std::string_view bytes);
/// The text with U+FFFD in place of what is not UTF-8.
std::string repair_utf8(std::string_view bytes);
/// Takes the whole characters from the front of `bytes` (repaired) and leaves an unfinished one, at most 3 bytes.
std::string take_utf8(std::string& bytes);

}  // namespace llorch
