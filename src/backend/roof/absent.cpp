// Stands in for the x86 kernels on other processors.
#include "backend/roof/roof.h"

namespace llorch::roof {

const Kernels* avx512_kernels() {
  return nullptr;
}
const Kernels* avx2_kernels() {
  return nullptr;
}

}  // namespace llorch::roof
