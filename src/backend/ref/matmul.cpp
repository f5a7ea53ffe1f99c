// The reference matmul. With float activations an output is one chain over K in order: sum += w[k] * x[k]. With 8-bit
// activations it is one chain over blocks of 32: sum += (w_scale * x_scale) * float(integer dot).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "backend/ref/ops.h"
#include "backend/ref/q8.h"
#include "base/check.h"
#include "quant/formats.h"

namespace llorch::ref {
namespace {

constexpr int kRowGrain = 8;

const float* x_row(const Matmul& mm, int i) {
  return mm.x + (mm.x_rows != nullptr ? mm.x_rows[i] : i) * mm.x_step();
}

/// What the op does with W[r] . x, in the order that ops.h tells.
void store_output(const Matmul& mm, int i, std::int64_t r, float product) {
  float& y = mm.y[i * mm.y_step() + r];
  float value = product + (mm.bias != nullptr ? mm.bias[r] : 0.0F);
  value = mm.accumulate ? y + mm.scale * value : mm.scale * value;
  y = mm.softcap > 0 ? mm.softcap * std::tanh(value / mm.softcap) : value;
}

void matmul_f32(const Matmul& mm, const Work& work, Range rows) {
  const MatrixView& w = *mm.w;
  const Format& format = format_of(w.type);
  auto* row = reinterpret_cast<float*>(work.scratch.data());  // [cols]
  LL_CHECK(work.scratch.size() >= static_cast<std::size_t>(w.cols) * sizeof(float), "a weight row exceeds scratch");
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    format.decode(w.data + r * w.row_bytes, row, w.cols / format.block_len);
    for (int i = 0; i < mm.m; ++i) {
      const float* x = x_row(mm, i);
      float sum = 0;
      for (std::int64_t k = 0; k < w.cols; ++k) {
        sum += row[k] * x[k];
      }
      store_output(mm, i, r, sum);
    }
  }
}

/// One block of 32 weights as integers and their scale; smaller than 32 floats, so a row fits where its floats would.
struct WeightBlock {
  std::array<std::int8_t, kQ8Block> q;
  float scale;
};

float f16_at(const std::byte* bytes) {
  float value = 0;
  format_of(DType::f16).decode(bytes, &value, 1);
  return value;
}

/// Q8_0: [f16 d][32 int8]
WeightBlock q8_0_block(const std::byte* bytes) {
  WeightBlock block{.q = {}, .scale = f16_at(bytes)};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = static_cast<std::int8_t>(bytes[2 + i]);
  }
  return block;
}

/// Q4_0: [f16 d][16 bytes]; low halves are weights 0..15, high halves 16..31, each minus 8
WeightBlock q4_0_block(const std::byte* bytes) {
  WeightBlock block{.q = {}, .scale = f16_at(bytes)};
  for (std::size_t i = 0; i < kQ8Block / 2; ++i) {
    const int byte = std::to_integer<int>(bytes[2 + i]);
    block.q[i] = static_cast<std::int8_t>((byte & 15) - 8);
    block.q[i + kQ8Block / 2] = static_cast<std::int8_t>((byte >> 4) - 8);
  }
  return block;
}

float q8_chain(const WeightBlock* w, const Q8Rows& x, int row) {
  float sum = 0;
  for (std::int64_t b = 0; b < x.n_blocks; ++b) {
    const std::int8_t* q = x.block(row, b);
    int dot = 0;
    for (std::size_t i = 0; i < kQ8Block; ++i) {
      dot += w[b].q[i] * q[i];
    }
    sum += (w[b].scale * x.scale(row, b)) * static_cast<float>(dot);
  }
  return sum;
}

void matmul_q8(const Matmul& mm, const Work& work, Range rows) {
  const MatrixView& w = *mm.w;
  const Q8Rows x = q8_rows(work.shared, mm.m, w.cols);
  const Range mine = part_of(mm.m, work.thread, work.n_threads);
  for (int i = mine.begin; i < mine.end; ++i) {
    quantise_row(x_row(mm, i), x, i);
  }
  work.team->barrier();
  const auto unpack = w.type == DType::q8_0 ? q8_0_block : q4_0_block;
  const int block_bytes = format_of(w.type).block_bytes;
  auto* blocks = reinterpret_cast<WeightBlock*>(work.scratch.data());  // [n_blocks]
  LL_CHECK(work.scratch.size() >= static_cast<std::size_t>(x.n_blocks) * sizeof(WeightBlock),
           "a weight row exceeds scratch");
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    for (std::int64_t b = 0; b < x.n_blocks; ++b) {
      blocks[b] = unpack(w.data + r * w.row_bytes + b * block_bytes);
    }
    for (int i = 0; i < mm.m; ++i) {
      store_output(mm, i, r, q8_chain(blocks, x, i));
    }
  }
}

}  // namespace

bool has_q8(DType type) {
  return type == DType::q8_0 || type == DType::q4_0;
}

void matmul(const Matmul& mm, const Work& work) {
  const Range rows = part_of(static_cast<int>(mm.w->rows), work.thread, work.n_threads, kRowGrain);
  if (work.activations == Activations::q8 && has_q8(mm.w->type)) {
    matmul_q8(mm, work, rows);
  } else {
    matmul_f32(mm, work, rows);
  }
}

}  // namespace llorch::ref
