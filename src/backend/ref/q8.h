// 8-bit activations: a row of x in blocks of 32 integers, each with a float scale. The definition, for every table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace llorch::ref {

inline constexpr int kQ8Block = 32;

/// Rows in 8-bit form, laid out in Work::shared.
struct Q8Rows {
  std::int8_t* q = nullptr;  // [m, n_blocks * 32]
  float* scales = nullptr;   // [m, n_blocks]
  std::int64_t n_blocks = 0;

  std::int8_t* block(int row, std::int64_t b) const { return q + (row * n_blocks + b) * kQ8Block; }
  float& scale(int row, std::int64_t b) const { return scales[row * n_blocks + b]; }
};

/// Places m rows of `cols` values (a multiple of 32) in `shared`.
Q8Rows q8_rows(std::span<std::byte> shared, int m, std::int64_t cols);

/// Fills row `row` of `out` from x[cols]. Of each block: a = largest |x|, scale = a / 127, q = x * (127 / a) rounded to
/// nearest, ties to even. A block of NaN or infinity gets the scale NaN, so that it is never taken for a number; one
/// whose largest value is below 1e-30 is all zeros.
void quantise_row(const float* x, const Q8Rows& out, int row);

}  // namespace llorch::ref
