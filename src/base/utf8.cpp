// Table 3-7 of the Unicode Standard ("Well-Formed UTF-8 Byte Sequences") as code.
#include "base/utf8.h"

#include "base/check.h"

namespace llorch {
namespace {

struct Lead {
  int length;               // of the whole character; 0: not a lead byte
  unsigned char low, high;  // what the second byte may be
};

Lead lead_of(unsigned char b) {
  if (b < 0xC2) {
    return {0, 0, 0};
  }
  if (b < 0xE0) {
    return {2, 0x80, 0xBF};
  }
  if (b < 0xF0) {
    return {3, static_cast<unsigned char>(b == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(b == 0xED ? 0x9F : 0xBF)};
  }
  if (b < 0xF5) {
    return {4, static_cast<unsigned char>(b == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(b == 0xF4 ? 0x8F : 0xBF)};
  }
  return {0, 0, 0};
}

}  // namespace

Utf8Char decode_utf8(std::string_view bytes) {
  if (bytes.empty()) {
    return {};
  }
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) {
    return {first, 1, true, false};
  }
  const Lead lead = lead_of(first);
  if (lead.length == 0) {
    return {0xFFFD, 1, false, false};
  }
  char32_t code = first & (0x7Fu >> lead.length);
  for (int i = 1; i < lead.length; ++i) {
    if (static_cast<std::size_t>(i) == bytes.size()) {
      return {0xFFFD, i, false, true};
    }
    const auto b = static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    const unsigned char low = i == 1 ? lead.low : 0x80;
    const unsigned char high = i == 1 ? lead.high : 0xBF;
    if (b < low || b > high) {
      return {0xFFFD, i, false, false};
    }
    code = (code << 6) | (b & 0x3Fu);
  }
  return {code, lead.length, true, false};
}

void append_utf8(std::string& out, char32_t code) {
  LL_CHECK(code < 0x110000, "not a code point");
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Utf8Char c = decode_utf8(bytes);
    if (!c.valid) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(c.length));
  }
  return true;
}

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Char c = decode_utf8(bytes);
    out += c.valid ? bytes.substr(0, static_cast<std::size_t>(c.length)) : kReplacement;
    bytes.remove_prefix(static_cast<std::size_t>(c.length));
  }
  return out;
}

std::string take_utf8(std::string& bytes) {
  std::string out;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const Utf8Char c = decode_utf8(rest);
    if (c.cut) {
      break;
    }
    out += c.valid ? rest.substr(0, static_cast<std::size_t>(c.length)) : kReplacement;
    rest.remove_prefix(static_cast<std::size_t>(c.length));
  }
  bytes.erase(0, bytes.size() - rest.size());
  return out;
}

}  // namespace llorch
