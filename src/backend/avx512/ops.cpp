// The AVX-512 table: what it does faster than the table that it is given. Plain code, callable on any x86-64.
#include "backend/ops.h"

#include <algorithm>

#include "backend/avx2/float_panels.h"
#include "backend/avx2/kernels.h"
#include "backend/avx512/kernels.h"
#include "backend/avx512/packed.h"

namespace llorch::avx512 {
namespace {

bool is_q8(const Matmul& mm, const Work& work) {
  return work.activations == Activations::q8 && avx2::has_q8(mm.w->type);
}

std::int64_t row_bytes(DType type, std::int64_t cols) {
  return avx2::has_float_panels(type) ? bytes_of(format_of(type), cols) : avx2::packed_row_bytes(type, cols);
}

void pack_for_vnni(const MatrixView& w, Range panels, std::byte* packed) {
  (avx2::has_float_panels(w.type) ? avx2::pack_floats : avx2::pack)(w, panels, kPanelRows, packed);
}

void unpack_row_for_vnni(const MatrixView& w, const std::byte* packed, std::int64_t row, float* out) {
  avx2::unpack_row(w, packed, kPanelRows, row, out);
}

/// Quantised formats as AVX2 reads them: two of its panels in the place of one.
void pack_for_avx2(const MatrixView& w, Range panels, std::byte* packed) {
  if (avx2::has_float_panels(w.type)) {
    return avx2::pack_floats(w, panels, kPanelRows, packed);
  }
  const auto n_panels = static_cast<int>((w.rows + avx2::kPanelRows - 1) / avx2::kPanelRows);
  constexpr int kEach = kPanelRows / avx2::kPanelRows;
  avx2::pack(w, {panels.begin * kEach, std::min(panels.end * kEach, n_panels)}, avx2::kPanelRows, packed);
}

void unpack_row_for_avx2(const MatrixView& w, const std::byte* packed, std::int64_t row, float* out) {
  avx2::unpack_row(w, packed, avx2::has_float_panels(w.type) ? kPanelRows : avx2::kPanelRows, row, out);
}

}  // namespace

bool available() {
  __builtin_cpu_init();  // also asks the operating system whether it keeps the wide registers
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

OpTable ops_without_vnni(const OpTable& base) {
  OpTable table = base;
  table.name = "avx512";
  table.deterministic = true;
  table.matmul = [](const Matmul& mm, const Work& work) {
    (is_q8(mm, work) ? avx2::matmul_packed : matmul_f32)(mm, work);
  };
  table.has_q8 = avx2::has_q8;
  table.packed_row_bytes = row_bytes;
  table.packed_rows = kPanelRows;
  table.pack = pack_for_avx2;
  table.unpack_row = unpack_row_for_avx2;
  table.attend = attend;
  table.norm = norm;
  table.rope_store = rope_store;
  table.gate = gate;
  table.split_tokens = split_tokens;
  return table;
}

OpTable ops_with_vnni(const OpTable& base) {
  OpTable table = ops_without_vnni(base);
  table.matmul = [](const Matmul& mm, const Work& work) { (is_q8(mm, work) ? matmul_packed : matmul_f32)(mm, work); };
  table.pack = pack_for_vnni;
  table.unpack_row = unpack_row_for_vnni;
  return table;
}

OpTable ops(const OpTable& base) {
  return __builtin_cpu_supports("avx512vnni") != 0 ? ops_with_vnni(base) : ops_without_vnni(base);
}

}  // namespace llorch::avx512
