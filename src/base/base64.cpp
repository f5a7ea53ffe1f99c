// Base64; base64.h says what it promises.
#include "base/base64.h"

#include <cstdint>

namespace llorch {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t n = bytes.size() - at < 3 ? bytes.size() - at : 3;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < n ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= n ? kAlphabet[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  const Error error{ErrorCode::invalid_argument, "not base64"};
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  if (text.size() % 4 != 0) {
    return error;
  }
  std::string out;
  std::uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) {
      return error;
    }
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    n_bits += 6;
    if (n_bits >= 8) {
      n_bits -= 8;
      out += static_cast<char>(bits >> n_bits & 255);
    }
  }
  return out;
}

}  // namespace llorch
