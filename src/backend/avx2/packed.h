// Quantised weights as the kernels read them: panels of R rows in the lanes, 8 with AVX2 and 16 with AVX-512, the k of
// a panel one after the other, so that a product reads one stream. Made once, when a model is loaded.
//
// A panel is a run of units of 64 or 256 k: scales first, then the weights of each block of 32 k, as vectors of 64
// bytes that hold 4 k of each row. A row's last unit may be half filled; the rest of it has the value 0. Weights are
// unsigned: Q8_0's are its bytes + 128, the others' their bits. Vectors of half bytes hold the groups i (low halves)
// and i + 4 (high halves) of a block's 8 groups of 4 k; one of fifth bits follows, group g in bit g, or Q6_K's two
// upper bits in two vectors, group g in bits 2 * (g / 2) of vector g % 2.
//
// Q8_0           64 k: f16 d [2][R] | [2][8] vectors
// Q4_0, IQ4_NL   64 k: f16 d [2][R] | [2][4] vectors
// MXFP4          64 k: bf16 scales [2][R] | [2][4] vectors
// Q4_1           64 k: f16 d [2][R], f16 m [2][R] | [2][4] vectors
// Q5_0           64 k: f16 d [2][R] | [2][4 + 1] vectors
// Q5_1           64 k: f16 d [2][R], f16 m [2][R] | [2][4 + 1] vectors
// Q4_K          256 k: f16 d [R], f16 dmin [R], u8 scales [8][R], u8 mins [8][R] | [8][4] vectors
// Q5_K          256 k: as Q4_K | [8][4 + 1] vectors
// IQ4_XS        256 k: f16 d [R], 2 * R bytes unused, i8 scales [8][R] | [8][4] vectors
// Q6_K          256 k: f16 d [R], 2 * R bytes unused, i8 scales [R][R] | [8][4 + 2] vectors
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/threads.h"
#include "model/weights.h"
#include "quant/formats.h"

namespace llorch::avx2 {

inline constexpr int kPanelRows = 8;  // of AVX2

/// What a unit of a format takes.
struct PackedUnit {
  int blocks = 0;   // of 32 k
  int head = 0;     // bytes of scales, of each row
  int vectors = 0;  // of a block

  constexpr int head_bytes(int panel_rows) const { return head * panel_rows; }
  /// Where the vectors of block b begin.
  constexpr int vectors_at(int panel_rows, int b) const { return (head + b * vectors * 4) * panel_rows; }
  constexpr int bytes(int panel_rows) const { return vectors_at(panel_rows, blocks); }
  /// Units of a row.
  constexpr std::int64_t units_of(std::int64_t cols) const { return (cols / 32 + blocks - 1) / blocks; }
};
inline constexpr PackedUnit kQ8_0Unit = {.blocks = 2, .head = 4, .vectors = 8};
inline constexpr PackedUnit kQ4_0Unit = {.blocks = 2, .head = 4, .vectors = 4};
inline constexpr PackedUnit kIQ4_NLUnit = kQ4_0Unit;
inline constexpr PackedUnit kMxfp4Unit = kQ4_0Unit;
inline constexpr PackedUnit kQ4_1Unit = {.blocks = 2, .head = 8, .vectors = 4};
inline constexpr PackedUnit kQ5_0Unit = {.blocks = 2, .head = 4, .vectors = 5};
inline constexpr PackedUnit kQ5_1Unit = {.blocks = 2, .head = 8, .vectors = 5};
inline constexpr PackedUnit kQ4_KUnit = {.blocks = 8, .head = 4 + 2 * 8, .vectors = 4};
inline constexpr PackedUnit kQ5_KUnit = {.blocks = 8, .head = 4 + 2 * 8, .vectors = 5};
inline constexpr PackedUnit kIQ4_XSUnit = {.blocks = 8, .head = 4 + 8, .vectors = 4};
inline constexpr PackedUnit kQ6_KUnit = {.blocks = 8, .head = 4 + 16, .vectors = 6};

/// nullptr when the format has no packed form.
const PackedUnit* packed_unit(DType type);

/// Bytes of one row of `cols` weights in a panel; 0: the format has no packed form.
std::int64_t packed_row_bytes(DType type, std::int64_t cols);

/// Packs n_rows <= panel_rows rows, those after the first at steps of row_bytes, over `cols` weights from `rows` on, as
/// one panel; the other rows become weights of value 0.
struct PanelRows {
  const std::byte* rows;
  std::int64_t row_bytes;
  int n_rows;
  std::int64_t cols;
};
void pack_panel(DType type, const PanelRows& from, int panel_rows, std::byte* panel);

/// Packs panels [begin, end) of panel_rows rows of w to `packed`, where all its panels will lie.
void pack(const MatrixView& w, Range panels, int panel_rows, std::byte* packed);

/// Row `row` of w, which lies at `packed` in panels of this file or of float_panels.h, as floats: out[w.cols], bit for
/// bit as the format's decode gives it.
void unpack_row(const MatrixView& w, const std::byte* packed, int panel_rows, std::int64_t row, float* out);

}  // namespace llorch::avx2
