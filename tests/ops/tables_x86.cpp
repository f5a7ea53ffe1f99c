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
    all.push_back(avx512::ops_without_vnni(ref::ops()));
    all.back().name = "avx512 without VNNI";
    all.push_back(avx512::ops(ref::ops()));
  }
  return all;
}

std::vector<OpTable> packing_tables() {
  return {avx2::ops(ref::ops()), avx512::ops_without_vnni(ref::ops()), avx512::ops_with_vnni(ref::ops())};
}

}  // namespace llorch::test
