// OpTable: a host backend as a table of op functions. ref::ops() fills it and defines every op; avx2::ops(base) copies
// it and replaces what it does faster; blas::ops(base) adds matmul_many. cpu/ walks a plan with it: all threads of
// the run call every op function, each does its share or takes turns, and one barrier follows each op.
//
// What every table promises (ref, avx2, avx512; not blas): a token's row of every slot depends on that token's sequence
// alone, bit for bit: never on the other rows of the batch, the number of threads, or how a prompt was chunked. So a
// matmul output is one chain of sums in one fixed order over K, and attention walks the KV in pieces of kKvBlock
// positions, aligned at multiples of kKvBlock, merged first to last within spans of kKvSpan, and the spans likewise. KV
// slots past a query's position may hold anything, NaN too: they must not be read into a sum, not even times 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/batch.h"
#include "base/threads.h"
#include "model/plan.h"
#include "model/weights.h"
#include "sampling/split_tokens.h"

namespace llorch {

/// A matrix in the layout of a table's kernels. Row r begins at data + r * row_bytes where r is a multiple of
/// OpTable::packed_rows; other rows have no place of their own.
struct PackedView {
  const std::byte* data = nullptr;  // nullptr: the matrix is as it is in its file
  std::int64_t row_bytes = 0;
};

/// Row `row` of w, which lies packed at `packed`, as floats, bit for bit as its format's decode gives it: out[w.cols].
using UnpackRow = void (*)(const MatrixView& w, const std::byte* packed, std::int64_t row, float* out);

/// A plan's weights as host code reads them, indexed by WeightId. Matrices point into the checkpoint's mapping.
struct HostWeights {
  std::vector<MatrixView> matrices;         // empty view for vectors
  std::vector<PackedView> packed;           // empty when nothing was packed
  UnpackRow unpack_row = nullptr;           // of the table that packed them
  std::vector<std::vector<float>> vectors;  // empty for matrices
};

/// One layer's KV cache: k and v are n_blocks * n_kv_heads pieces of Work::kv_type (ref/kv.h), in the order of
/// kv_piece_index(); v == k where the keys are the values as well.
struct KvLayer {
  std::byte* k = nullptr;
  std::byte* v = nullptr;
  int n_blocks = 0;
};

/// What an op function may read and write. One per thread and run; everything but `thread` and `scratch` is shared.
struct Work {
  const Plan* plan = nullptr;
  const HostWeights* weights = nullptr;
  const Batch* batch = nullptr;
  float* slots[kSlots] = {};    // [max_batch_tokens, width] each, 64-byte aligned
  float* logits = nullptr;      // [n_outputs, vocab]
  std::span<const KvLayer> kv;  // [n_layers]
  KvType kv_type = KvType::f32;
  Activations activations = Activations::q8;
  ThreadTeam* team = nullptr;  // for turns and barriers inside an op; every thread of the run must reach each of these
  int thread = 0;
  int n_threads = 1;
  std::span<std::byte> scratch;  // this thread's own, 64-byte aligned, at least kScratchBytes, OpTable::scratch_bytes
                                 // and the widest weight row as floats
  std::span<std::byte> shared;   // all threads', 64-byte aligned: room for max_batch_tokens rows of the widest
                                 // slot in 8-bit form with scales and sums (2 bytes a value is enough)
  const float* vector(WeightId id) const {
    return id == kNoWeight ? nullptr : weights->vectors[static_cast<std::size_t>(id)].data();
  }
  const MatrixView& matrix(WeightId id) const { return weights->matrices[static_cast<std::size_t>(id)]; }
  /// Rows from `row` on of a packed matrix; nullptr when it is not packed.
  const std::byte* packed(WeightId id, std::int64_t row = 0) const {
    if (weights->packed.empty() || weights->packed[static_cast<std::size_t>(id)].data == nullptr) {
      return nullptr;
    }
    const PackedView& view = weights->packed[static_cast<std::size_t>(id)];
    return view.data + row * view.row_bytes;
  }
  float* slot(Slot s) const { return slots[static_cast<std::size_t>(s)]; }
};
inline constexpr std::size_t kScratchBytes = std::size_t{1} << 20;

/// y[i, r] = W[r] . x[row(i)] + bias[r], then y = y, or y_old + scale * y when accumulating, or scale * y with the cap.
struct Matmul {
  const MatrixView* w = nullptr;         // [rows, cols]
  const std::byte* packed = nullptr;     // the same in the table's layout; nullptr: only as the file has it
  const float* x = nullptr;              // row i of the product reads x + (x_rows ? x_rows[i] : i) * x_step()
  const std::int32_t* x_rows = nullptr;  // nullptr: 0, 1, 2, ...
  bool x_is_ready = false;               // Work::shared holds x already: the product before this one had the same m
                                         // rows of x, and weights of the same type, cols and layout
  int m = 0;                             // rows of the product
  float* y = nullptr;                    // row i is at y + i * y_step()
  const float* bias = nullptr;           // [w->rows] or nullptr
  bool accumulate = false;
  float scale = 1.0F;
  float softcap = 0;          // > 0: y = softcap * tanh(y / softcap), last
  std::int64_t x_stride = 0;  // floats between rows of x and of y; 0: they lie side by side
  std::int64_t y_stride = 0;
  std::int64_t x_step() const { return x_stride > 0 ? x_stride : w->cols; }
  std::int64_t y_step() const { return y_stride > 0 ? y_stride : w->rows; }
};

struct OpTable {
  const char* name = "";
  bool deterministic = true;
  void (*embed)(const EmbedOp&, const Work&) = nullptr;
  void (*norm)(const NormOp&, const Work&) = nullptr;
  void (*matmul)(const Matmul&, const Work&) = nullptr;       // every product
  void (*matmul_many)(const Matmul&, const Work&) = nullptr;  // instead of matmul from many_rows rows on; may be absent
  int many_rows = 0;
  void (*rope_store)(const RopeStoreOp&, int layer, const Work&) = nullptr;
  void (*attend)(const AttendOp&, int layer, const Work&) = nullptr;
  /// gate[i] from gate[i] and up[i] for i < n; the threads share them out.
  void (*gate)(const GateOp&, float* gate, const float* up, std::int64_t n, const Work&) = nullptr;
  void (*route)(const RouteOp&, const Work&) = nullptr;
  void (*add)(const AddOp&, const Work&) = nullptr;
  SplitTokens split_tokens = nullptr;  // for sample()
  /// True when matmul has a kernel for this format with 8-bit activations (used when Work::activations is q8).
  bool (*has_q8)(DType) = nullptr;
  /// Bytes of a row of `cols` weights in the layout that matmul reads fastest, with 8-bit activations where has_q8();
  /// 0: such rows stay as they are. May be absent.
  std::int64_t (*packed_row_bytes)(DType, std::int64_t cols) = nullptr;
  int packed_rows = 1;  // rows lie in groups of as many
  /// Packs groups [begin, end) of w's rows into `packed`, where all its groups will lie; a last group is filled up.
  void (*pack)(const MatrixView& w, Range groups, std::byte* packed) = nullptr;
  UnpackRow unpack_row = nullptr;
  std::size_t scratch_bytes = kScratchBytes;  // that a thread needs
};

/// Bytes of a row of w in the table's layout; 0: it has none for w.
inline std::int64_t row_bytes_packed(const OpTable& table, const MatrixView& w) {
  return table.packed_row_bytes == nullptr ? 0 : table.packed_row_bytes(w.type, w.cols);
}
/// Whether products with these activations read weights of a type in that layout, which quantised formats have for
/// 8-bit activations alone.
inline bool reads_packed(const OpTable& table, DType type, Activations activations) {
  return activations == Activations::q8 || !table.has_q8(type);
}
/// Groups of w's rows in it, the last one filled up.
inline int packed_groups(const OpTable& table, const MatrixView& w) {
  return static_cast<int>((w.rows + table.packed_rows - 1) / table.packed_rows);
}
/// Bytes of all of w in it.
inline std::size_t packed_bytes(const OpTable& table, const MatrixView& w) {
  return static_cast<std::size_t>(packed_groups(table, w) * table.packed_rows * row_bytes_packed(table, w));
}

namespace ref {
/// Plain C++: the definition of every op.
OpTable ops();
}  // namespace ref
namespace avx2 {
/// True when this processor has AVX2, FMA and F16C.
bool available();
OpTable ops(const OpTable& base);
}  // namespace avx2
namespace avx512 {
/// True when this processor has AVX-512 F, BW, DQ and VL.
bool available();
OpTable ops(const OpTable& base);
}  // namespace avx512
namespace blas {
/// True when a cblas library could be loaded.
bool available();
/// The library behind cblas and the kernels that it chose, for people; when not available(), why.
const char* description();
/// `base` with matmul_many by cblas. Not deterministic: sums are in the library's order. Needs available().
OpTable ops(const OpTable& base);
}  // namespace blas

}  // namespace llorch
