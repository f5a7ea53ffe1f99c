// The cblas library: its single-precision product and what it calls itself.
#pragma once

#include <string>

namespace llorch::blas {

inline constexpr int kRowMajor = 101;  // the values that every cblas.h gives these names
inline constexpr int kNoTrans = 111;
inline constexpr int kTrans = 112;

/// c[m, n] = alpha * op(a) op(b) + beta * c, as cblas_sgemm.
using Sgemm = void (*)(int layout, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);

struct Library {
  Sgemm sgemm = nullptr;    // nullptr: no library
  std::string description;  // the library and its kernels; without one, why not
};

/// Opened by the first call, which must be made while the program has one thread (it may set environment variables).
const Library& library();

}  // namespace llorch::blas
