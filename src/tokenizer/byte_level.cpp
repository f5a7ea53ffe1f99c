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
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!c.valid || c.code >= kAlphabet.byte.size() || kAlphabet.byte[c.code] < 0) {
      return false;
    }
    bytes += static_cast<char>(kAlphabet.byte[c.code]);
    text.remove_prefix(static_cast<std::size_t>(c.length));
  }
  return true;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  return from_byte_level(text, bytes) ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace llorch
