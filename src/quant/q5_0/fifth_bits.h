// The fifth bits of Q5_0 and Q5_1: bit i of 32 belongs to weight i, the low four are halves of bytes as in Q4_0.
#pragma once

#include <cstdint>

namespace llorch {

/// Weight i of a block of 32, 0..31.
constexpr int q5_value(const std::uint8_t (&qs)[16], const std::uint8_t (&qh)[4], int i) {
  const int low = i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
  return low | (qh[i / 8] >> i % 8 & 1) << 4;
}

/// The inverse; qs and qh start as zeros.
inline void store_q5_value(std::uint8_t (&qs)[16], std::uint8_t (&qh)[4], int i, int q) {
  qs[i % 16] |= static_cast<std::uint8_t>((q & 15) << i / 16 * 4);
  qh[i / 8] |= static_cast<std::uint8_t>(q >> 4 << i % 8);
}

}  // namespace llorch
