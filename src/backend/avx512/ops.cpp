// The AVX-512 table: what it does faster than the table that it is given. Plain code, callable on any x86-64.
#include "backend/ops.h"

#include "backend/avx2/float_panels.h"
#include "backend/avx512/kernels.h"
#include "backend/avx512/packed.h"

namespace llorch::avx512 {

namespace {

std::int64_t float_row_bytes(DType type, std::int64_t cols) {
  return avx2::has_float_panels(type) ? bytes_of(format_of(type), cols) : 0;
}
void pack_float_panels(const MatrixView& w, Range panels, std::byte* packed) {
  avx2::pack_floats(w, panels, kPanelRows, packed);
}

/// With VNNI some quantised formats have panels as well.
std::int64_t vnni_row_bytes(DType type, std::int64_t cols) {
  return packed_unit(type) != nullptr ? packed_row_bytes(type, cols) : float_row_bytes(type, cols);
}
void pack_vnni_panels(const MatrixView& w, Range panels, std::byte* packed) {
  (packed_unit(w.type) != nullptr ? pack : pack_float_panels)(w, panels, packed);
}

}  // namespace

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
  table.packed_row_bytes = float_row_bytes;
  table.packed_rows = kPanelRows;
  table.pack = pack_float_panels;
  if (__builtin_cpu_supports("avx512vnni") != 0) {
    table.matmul = matmul_vnni;
    table.has_q8 = [](DType type) { return has_q8(type) || packed_unit(type) != nullptr; };
    table.packed_row_bytes = vnni_row_bytes;
    table.pack = pack_vnni_panels;
  }
  table.attend = attend;
  table.norm = norm;
  table.gate = gate;
  return table;
}

}  // namespace llorch::avx512
