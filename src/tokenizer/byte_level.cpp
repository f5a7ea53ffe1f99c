// The alphabet of GPT-2's bytes_to_unicode(): printable Latin-1 stands for itself, the rest follows from U+0100.
#include "tokenizer/byte_level.h"

#include <array>

#include "base/utf8.h"

namespace llorch {
namespace {

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, 0x144> byte{};  // -1: not in the alphabet
};

constexpr Alphabet kAlphabet = [] {
  Alphabet a;
  for (int& b : a.byte) {
    b = -1;
  }
  char32_t next = 0x100;
  for (int b = 0; b < 256; ++b) {
    const bool visible = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    const char32_t c = visible ? static_cast<char32_t>(b) : next++;
    a.character[static_cast<std::size_t>(b)] = c;
    a.byte[c] = b;
  }
  return a;
}();

}  // namespace

void append_byte_level(std::string_view bytes, std::string& out) {
  for (const char b : bytes) {
    append_utf8(out, kAlphabet.character[static_cast<unsigned char>(b)]);
  }
}

bool from_byte_level(std::string_view text, std::string& bytes) {
  bytes.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t code = lead;
    if (lead >= 0x80) {  // the alphabet has no character of more than two bytes
      const bool pair =
          (lead & 0xE0) == 0xC0 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xC0) == 0x80;
      if (!pair) {
        return false;
      }
      code = (lead & 0x1Fu) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3Fu);
    }
    if (code >= kAlphabet.byte.size() || kAlphabet.byte[code] < 0 || (lead >= 0xC0 && lead < 0xC2)) {
      return false;
    }
    bytes += static_cast<char>(kAlphabet.byte[code]);
  }
  return true;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  return from_byte_level(text, bytes) ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace llorch
