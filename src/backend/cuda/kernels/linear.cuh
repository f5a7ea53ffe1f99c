// What the kernels of linear_exact.cu, linear_q8.cu and linear_floats.cu share: where a block's product begins,
// and what is done with a sum.
#pragma once

#include <cstdint>

#include "backend/cuda/kernels/entries.h"
#include "backend/cuda/kernels/units.cuh"

namespace llorch::cuda {

/// The product of a block: which rows of W and y it is about.
struct Product {
  /// `first_x`: the first row of x of this block; `batch`: its product of a batch. valid is false when there is none.
  __device__ Product(const LinearArgs& p, int first_x, int batch) {
    std::int64_t index = batch;
    if (p.experts != nullptr) {
      index = p.experts[first_x / p.expert_rows];
      valid = index >= 0;
      bias = p.bias == nullptr ? nullptr : p.bias + index * p.bias_step;
      y = p.y;
    } else {
      bias = p.bias;
      y = p.y + batch * p.y_step;
    }
    row = p.row_begin + static_cast<int>(index * p.row_step);
  }
  bool valid = true;
  int row = 0;  // of W
  const float* bias = nullptr;
  float* y = nullptr;
};

/// Writes W[r] . x[i], r counted from the matrix's first row.
__device__ inline void store_output(const LinearArgs& p, const Product& product, int i, int r, float sum) {
  const int row = r - product.row;
  if (row < 0 || row >= p.n_rows || i >= p.x.n) {
    return;
  }
  const int to = p.y_map == nullptr ? i : p.y_map[i];
  if (to < 0) {
    return;
  }
  float& y = product.y[to * p.y_stride + row];
  if (p.is_plain) {
    y = sum;
    return;
  }
  float value = product.bias == nullptr ? sum : __fadd_rn(sum, product.bias[row]);
  value = __fmul_rn(p.scale, value);
  value = p.accumulate ? __fadd_rn(y, value) : value;
  y = p.softcap > 0 ? p.softcap * tanhf(value / p.softcap) : value;
}

/// Products of the same x, one after the other in the blocks of a launch.
struct Products {
  LinearArgs p[kMostProducts];
  int end[kMostProducts];  // blocks of rows up to here
  int n;
};

/// The product that block `block` of rows is of; `block` becomes its place in it.
__device__ inline const LinearArgs& find_product(const Products& all, int& block) {
  int i = 0;
  while (i + 1 < all.n && block >= all.end[i]) {
    ++i;
  }
  block -= i == 0 ? 0 : all.end[i - 1];
  return all.p[i];
}

/// Blocks of `rows` rows that a product touches, which begin at multiples of `align` rows of the matrix.
inline int blocks_touched(const LinearArgs& args, int rows, int align) {
  const bool aligned = args.row_begin % align == 0 && args.row_step % align == 0;
  return (args.n_rows + (aligned ? 0 : align - 1) + rows - 1) / rows;
}

/// The products with blocks of `rows` rows; all blocks are products.end[products.n - 1].
inline Products in_blocks(std::span<const LinearArgs> args, int rows, int align = kTileRows) {
  Products products{};
  products.n = static_cast<int>(args.size());
  int end = 0;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const LinearArgs& a = args[i];
    products.p[i] = a;
    products.p[i].is_plain = a.bias == nullptr && !a.accumulate && a.scale == 1.0F && !(a.softcap > 0);
    end += blocks_touched(a, rows, align);
    products.end[i] = end;
  }
  return products;
}

}  // namespace llorch::cuda
