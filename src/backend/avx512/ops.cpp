// The AVX-512 table: what it does faster than the table that it is given. Plain code, callable on any x86-64.
#include "backend/ops.h"

#include "backend/avx512/kernels.h"
#include "backend/avx512/packed.h"

namespace llorch::avx512 {

bool available() {
  __builtin_cpu_init();  // also asks the operating system whether it keeps the wide registers
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

OpTable ops(const OpTable& base) {
  OpTable table = base;
  table.name = "avx512";
  table.deterministic = true;
  table.matmul = matmul;
  table.has_q8 = has_q8;
  if (__builtin_cpu_supports("avx512vnni") != 0) {
    table.matmul = matmul_vnni;
    table.has_q8 = [](DType type) { return has_q8(type) || packed_unit(type) != nullptr; };
    table.packed_row_bytes = packed_row_bytes;
    table.packed_rows = kPanelRows;
    table.pack = pack;
  }
  table.attend = attend;
  table.norm = norm;
  table.gate = gate;
  return table;
}

}  // namespace llorch::avx512
