// The tables of an x86-64 build.
#include "backend/avx512/kernels.h"
#include "tables.h"

namespace llorch::test {

std::vector<OpTable> tables() {
  std::vector<OpTable> all = {ref::ops()};
  if (avx2::available()) {
    all.push_back(avx2::ops(ref::ops()));
  }
  if (avx512::available()) {
    all.push_back(avx512::ops(ref::ops()));
    if (all.back().matmul != avx512::matmul) {  // what a processor without VNNI gets
      all.push_back(all.back());
      all.back().name = "avx512 without VNNI";
      all.back().has_q8 = avx512::has_q8;
      all.back().packed_row_bytes = nullptr;
      all.back().matmul = avx512::matmul;
    }
  }
  return all;
}

}  // namespace llorch::test
