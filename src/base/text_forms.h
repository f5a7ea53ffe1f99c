// Forms of text that tokenizers' normalizers ask for, beside NFC (base/unicode.h). Each as old as the library that
// Hugging Face tokenizers 0.23 uses for it; see scripts/make_text_tables.mjs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llorch {

// All take and give UTF-8; invalid bytes are left as they are.
std::string to_nfd(std::string_view text);
std::string to_nfkd(std::string_view text);
std::string to_nfkc(std::string_view text);
/// Character by character: no final sigma, no languages.
std::string to_lower(std::string_view text);

/// Properties of a code point, one bit each; the low four bits are its GraphemeClass (base/graphemes.h).
struct TextProperty {
  static constexpr std::uint8_t kGrapheme = 0x0F;
  static constexpr std::uint8_t kMark = 0x10;        // \p{M} of Unicode 9
  static constexpr std::uint8_t kNonspacing = 0x20;  // \p{Mn} of Unicode 8
  static constexpr std::uint8_t kControl = 0x40;     // what BertNormalizer cleans away
  static constexpr std::uint8_t kConsonant = 0x80;   // joined by a linker of Indic scripts
};
std::uint8_t text_properties(char32_t c);

}  // namespace llorch
