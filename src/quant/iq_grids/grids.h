// The codebooks of the IQ1, IQ2 and IQ3 formats: an index in a block chooses 8 (IQ1, IQ2) or 4 (IQ3) values at once.
// An entry holds, value by value from the lowest bits, the indices of the levels below. The constants are ggml's.
#pragma once

#include <bit>
#include <cstdint>

namespace llorch {

extern const std::uint16_t kIq1Grid[2048];  // -1, 0, 1: 8 values of 2 bits
extern const std::uint16_t kIq2XxsGrid[256];
extern const std::uint16_t kIq2XsGrid[512];
extern const std::uint16_t kIq2SGrid[1024];
extern const std::uint16_t kIq3XxsGrid[256];  // 4 values of 3 bits
extern const std::uint16_t kIq3SGrid[512];

/// Magnitudes behind the 2 bits of the IQ2 grids; the fourth does not occur.
inline constexpr std::int8_t kIq2Levels[4] = {8, 25, 43, 0};
inline constexpr std::int8_t kIq3XxsLevels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr std::int8_t kIq3SLevels[8] = {1, 3, 5, 7, 9, 11, 13, 15};

/// Value i of an entry, -1, 0 or 1.
inline int iq1_value(std::uint16_t entry, int i) {
  return ((entry >> 2 * i) & 3) - 1;
}

/// Signs of 8 weights from 7 bits (a set bit is a minus): the eighth makes the number of minuses even.
inline int even_signs(int index) {
  return index | (std::popcount(static_cast<unsigned>(index)) & 1) << 7;
}

/// -1 where bit i is set, else 1; without a branch, as signs cannot be foreseen.
inline int sign_of(int signs, int i) {
  return 1 - 2 * (signs >> i & 1);
}

/// out[i] = scale * magnitude i of `entry`, negated where bit i of `signs` is set; 8 weights.
inline void iq2_weights(std::uint16_t entry, int signs, float scale, float* out) {
  for (int i = 0; i < 8; ++i) {
    out[i] = scale * static_cast<float>(kIq2Levels[(entry >> 2 * i) & 3] * sign_of(signs, i));
  }
}

/// The same for an entry of 4 weights; `levels` are those of the grid.
inline void iq3_weights(std::uint16_t entry, const std::int8_t (&levels)[8], int signs, float scale, float* out) {
  for (int i = 0; i < 4; ++i) {
    out[i] = scale * static_cast<float>(levels[(entry >> 3 * i) & 7] * sign_of(signs, i));
  }
}

}  // namespace llorch
