// Apple's Accelerate framework, linked. It shares out its own work; our threads call it for rows of their own.
#include <Accelerate/Accelerate.h>

#include "backend/blas/library.h"

namespace llorch::blas {
namespace {

void sgemm(int layout, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
           const float* b, int ldb, float beta, float* c, int ldc) {
  cblas_sgemm(static_cast<CBLAS_ORDER>(layout), static_cast<CBLAS_TRANSPOSE>(trans_a),
              static_cast<CBLAS_TRANSPOSE>(trans_b), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

}  // namespace

const Library& library() {
  static const Library kLibrary{sgemm, "Apple Accelerate"};
  return kLibrary;
}

}  // namespace llorch::blas
