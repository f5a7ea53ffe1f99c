// A hash for short texts: eight bytes at a time, multiplied and folded. For tables made from files we load; the tables
// probe linearly and are at most half full, a file that makes them collide only slows its own loading.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace llorch {

__extension__ using Uint128 = unsigned __int128;

inline std::uint64_t hash_mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<Uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t hash_text(std::string_view text) {
  constexpr std::uint64_t kA = 0x9E3779B97F4A7C15u;
  constexpr std::uint64_t kB = 0xD6E8FEB86659FD93u;
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = kB ^ text.size();
  for (; left > 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    hash = hash_mix(hash ^ word, kA);
  }
  std::uint64_t word = 0;
  if (left >= 4) {  // overlapping halves: no loop over bytes
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + left - 4, 4);
    word = std::uint64_t{high} << 32 | low;
  } else if (left > 0) {
    word = static_cast<unsigned char>(at[0]) |
           static_cast<std::uint64_t>(static_cast<unsigned char>(at[left / 2])) << 8 |
           static_cast<std::uint64_t>(static_cast<unsigned char>(at[left - 1])) << 16;
  }
  return hash_mix(hash ^ word, kA);
}

}  // namespace llorch
