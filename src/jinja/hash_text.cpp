// SipHash-1-3 (Aumasson and Bernstein, 2012; the short rounds that Python and Rust hash strings with). std::hash has
// one key for all, so that a request could bring thousands of keys with the same hash.
#include <bit>
#include <cstring>
#include <random>

#include "jinja/ops.h"

namespace llorch::jinja {
namespace {

struct Sip {
  std::uint64_t a, b, c, d;

  void round() {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  }
  void word(std::uint64_t m) {
    d ^= m;
    round();
    a ^= m;
  }
};

struct Key {
  std::uint64_t first, second;
};

Key random_key() {
  std::random_device device;
  const auto word = [&] { return std::uint64_t{device()} << 32U | device(); };
  return {word(), word()};
}

}  // namespace

std::size_t hash_text(std::string_view text) {
  static const Key key = random_key();
  Sip sip{key.first ^ 0x736f6d6570736575U, key.second ^ 0x646f72616e646f6dU, key.first ^ 0x6c7967656e657261U,
          key.second ^ 0x7465646279746573U};
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t m = 0;
    std::memcpy(&m, text.data() + at, 8);
    sip.word(m);
  }
  std::uint64_t last = std::uint64_t{text.size()} << 56U;
  for (std::size_t i = 0; at + i < text.size(); ++i) {
    last |= std::uint64_t{static_cast<unsigned char>(text[at + i])} << (8 * i);
  }
  sip.word(last);
  sip.c ^= 0xff;
  sip.round();
  sip.round();
  sip.round();
  return sip.a ^ sip.b ^ sip.c ^ sip.d;
}

}  // namespace llorch::jinja
