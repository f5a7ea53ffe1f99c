// matmul_many by cblas. Each thread takes rows of the weight, decodes a panel of them to floats in its scratch, and
// calls a single-threaded sgemm on it. Few rows of x stay with the base table, which reads the weights as they are.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "backend/blas/library.h"
#include "backend/ops.h"
#include "quant/formats.h"

namespace llorch::blas {
namespace {

constexpr int kManyRows = 64;  // of x, from which decoding the weight pays: measured against the AVX-512 table
constexpr int kRowGrain = 16;
constexpr std::size_t kPanelBytes = std::size_t{8} << 20;

/// Rows of the product that read neighbouring rows of x: [begin, end) of them.
Range neighbours(const Matmul& mm, int begin) {
  if (mm.x_rows == nullptr) {
    return {begin, mm.m};
  }
  int end = begin + 1;
  while (end < mm.m && mm.x_rows[end] == mm.x_rows[end - 1] + 1) {
    ++end;
  }
  return {begin, end};
}

/// Rows [begin, end) of W as floats [end - begin, cols]: the file's own bytes when they are that already.
const float* panel(const MatrixView& w, std::int64_t begin, std::int64_t end, float* scratch) {
  const std::byte* data = w.data + begin * w.row_bytes;
  if (w.type == DType::f32 && w.row_bytes == w.cols * 4 && reinterpret_cast<std::uintptr_t>(data) % 4 == 0) {
    return reinterpret_cast<const float*>(data);
  }
  const Format& format = format_of(w.type);
  for (std::int64_t r = begin; r < end; ++r) {
    format.decode(w.data + r * w.row_bytes, scratch + (r - begin) * w.cols, w.cols / format.block_len);
  }
  return scratch;
}

/// y = scale * (W x) (+ y) for rows [begin, end) of W, whose floats are `weights`.
void multiply(const Matmul& mm, const float* weights, std::int64_t begin, std::int64_t end) {
  const auto cols = static_cast<int>(mm.w->cols);
  for (int i = 0; i < mm.m;) {
    const Range rows = neighbours(mm, i);
    const std::int64_t first = mm.x_rows != nullptr ? mm.x_rows[rows.begin] : rows.begin;
    library().sgemm(kRowMajor, kNoTrans, kTrans, rows.end - rows.begin, static_cast<int>(end - begin), cols, mm.scale,
                    mm.x + first * mm.x_step(), static_cast<int>(mm.x_step()), weights, cols,
                    mm.accumulate ? 1.0F : 0.0F, mm.y + rows.begin * mm.y_step() + begin,
                    static_cast<int>(mm.y_step()));
    i = rows.end;
  }
}

/// What sgemm leaves of rows [begin, end) of W: the bias and the cap.
void finish(const Matmul& mm, std::int64_t begin, std::int64_t end) {
  for (int i = 0; i < mm.m; ++i) {
    float* y = mm.y + i * mm.y_step();
    for (std::int64_t r = begin; mm.bias != nullptr && r < end; ++r) {
      y[r] += mm.scale * mm.bias[r];
    }
    for (std::int64_t r = begin; mm.softcap > 0 && r < end; ++r) {
      y[r] = mm.softcap * std::tanh(y[r] / mm.softcap);
    }
  }
}

void matmul(const Matmul& mm, const Work& work) {
  const MatrixView& w = *mm.w;
  const std::int64_t at_once =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(work.scratch.size() / sizeof(float)) / w.cols);
  const Range mine = part_of(static_cast<int>(w.rows), work.thread, work.n_threads, kRowGrain);
  for (std::int64_t begin = mine.begin; begin < mine.end; begin += at_once) {
    const std::int64_t end = std::min<std::int64_t>(mine.end, begin + at_once);
    multiply(mm, panel(w, begin, end, reinterpret_cast<float*>(work.scratch.data())), begin, end);
    finish(mm, begin, end);
  }
}

}  // namespace

bool available() {
  return library().sgemm != nullptr;
}

const char* description() {
  return library().description.c_str();
}

OpTable ops(const OpTable& base) {
  OpTable table = base;
  table.name = "blas";
  table.deterministic = false;
  table.matmul_many = matmul;
  table.many_rows = kManyRows;
  table.packed_row_bytes = nullptr;  // it reads the file's rows
  table.scratch_bytes = std::max(base.scratch_bytes, kPanelBytes);
  return table;
}

}  // namespace llorch::blas
