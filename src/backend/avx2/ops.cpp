// The AVX2 table: what it does faster than the table that it is given. Plain code, callable on any x86-64.
#include "backend/ops.h"

#include <cpuid.h>

#include "backend/avx2/float_panels.h"
#include "backend/avx2/kernels.h"
#include "backend/avx2/packed.h"

namespace llorch::avx2 {
namespace {

bool has_f16c() {  // clang 14's __builtin_cpu_supports does not know it
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

}  // namespace

bool available() {
  __builtin_cpu_init();  // also asks the operating system whether it keeps the wide registers
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 && has_f16c();
}

OpTable ops(const OpTable& base) {
  OpTable table = base;
  table.name = "avx2";
  table.deterministic = true;
  table.matmul = matmul;
  table.has_q8 = has_q8;
  table.packed_row_bytes = [](DType type, std::int64_t cols) {
    return has_float_panels(type) ? bytes_of(format_of(type), cols) : packed_row_bytes(type, cols);
  };
  table.packed_rows = kPanelRows;
  table.pack = [](const MatrixView& w, Range panels, std::byte* packed) {
    (has_float_panels(w.type) ? pack_floats : pack)(w, panels, kPanelRows, packed);
  };
  table.unpack_row = [](const MatrixView& w, const std::byte* packed, std::int64_t row, float* out) {
    unpack_row(w, packed, kPanelRows, row, out);
  };
  table.attend = attend;
  table.norm = norm;
  table.rope_store = rope_store;
  table.gate = gate;
  table.split_tokens = split_tokens;
  return table;
}

}  // namespace llorch::avx2
