#include "checkpoint/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace llorch {
namespace {

/// Bytes of the well-formed UTF-8 character that `text` starts with; 0 when it is malformed or a control character.
std::size_t visible_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) {
    return first >= 0x20 && first != 0x7f ? 1 : 0;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) {
    return 0;
  }
  std::uint32_t code = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0u) != 0x80u) {
      return 0;
    }
    code = code << 6 | (next & 0x3fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0xa0, 0x800, 0x10000};  // below 0xa0: control characters
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  const bool line_end = code == 0x2028 || code == 0x2029;
  return code >= kLeast[length] && code <= 0x10ffff && !surrogate && !line_end ? length : 0;
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::string result;
  std::size_t at = 0;
  while (at < std::min(limit, text.size())) {
    const std::size_t length = visible_length(text.substr(at));
    if (text[at] == '\\' || text[at] == '\n') {
      result += text[at] == '\n' ? "\\n" : "\\\\";
    } else if (length == 0) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else {
      result += text.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return at < text.size() ? result + "..." : result;
}

}  // namespace llorch
