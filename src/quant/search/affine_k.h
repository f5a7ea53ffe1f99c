// Q4_K and Q5_K: 8 groups of 32 weights, weight = d * scale * q - dmin * min, with scales and mins of 6 bits.
#pragma once

#include <cstdint>

namespace llorch::search {

inline constexpr int kAffineGroups = 8;
inline constexpr int kAffineGroup = 32;
inline constexpr int kAffineLen = kAffineGroups * kAffineGroup;

/// A block before its bits are packed.
struct AffineBlock {
  std::uint16_t d = 0;              // f16
  std::uint16_t dmin = 0;           // f16
  int scales[kAffineGroups] = {};   // 0..63
  int mins[kAffineGroups] = {};     // 0..63
  std::uint8_t q[kAffineLen] = {};  // 0..max_q
};

/// The block nearest to x[256] by importance w[256], with quants up to max_q.
AffineBlock fit_affine(const float* x, const float* w, int max_q);

}  // namespace llorch::search
