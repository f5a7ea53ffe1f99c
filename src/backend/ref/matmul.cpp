// The reference matmul. With float activations an output is one chain over K in order: sum += w[k] * x[k]. With 8-bit
// activations it is one chain over blocks of 32: sum += (w_scale * float(integer dot)) * x_scale, twice where halves of
// the block have scales of their own, then sum -= w_min * (x_scale * sum of x's integers).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "backend/ref/ops.h"
#include "backend/ref/q8.h"
#include "base/check.h"
#include "quant/block.h"
#include "quant/formats.h"
#include "quant/half.h"
#include "quant/iq4_nl/iq4_nl.h"
#include "quant/iq4_xs/iq4_xs.h"
#include "quant/mxfp4/e2m1.h"
#include "quant/mxfp4/mxfp4.h"
#include "quant/q4_0/q4_0.h"
#include "quant/q4_1/q4_1.h"
#include "quant/q4_k/q4_k.h"
#include "quant/q5_0/fifth_bits.h"
#include "quant/q5_0/q5_0.h"
#include "quant/q5_1/q5_1.h"
#include "quant/q5_k/q5_k.h"
#include "quant/q6_k/q6_k.h"
#include "quant/q8_0/q8_0.h"

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

/// One block of 32 weights as integers: weight = scales[i / 16] * q[i] - min. Smaller than 32 floats, so a row fits
/// where its floats would.
struct WeightBlock {
  std::array<std::int8_t, kQ8Block> q;
  std::array<float, 2> scales;
  float min = 0;
  bool halves = false;  // the two scales differ: each half has a sum of its own
};

/// The block of 32 at index b of a row.
WeightBlock q8_0_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ8_0>(row + b * static_cast<std::int64_t>(sizeof(BlockQ8_0)));
  WeightBlock block{.q = {}, .scales = {f16_to_f32(from.d)}};
  std::copy(std::begin(from.qs), std::end(from.qs), block.q.begin());
  return block;
}

WeightBlock q4_0_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ4_0>(row + b * static_cast<std::int64_t>(sizeof(BlockQ4_0)));
  WeightBlock block{.q = {}, .scales = {f16_to_f32(from.d)}};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = static_cast<std::int8_t>((from.qs[i % 16] >> i / 16 * 4 & 15) - 8);
  }
  return block;
}

WeightBlock q4_1_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ4_1>(row + b * static_cast<std::int64_t>(sizeof(BlockQ4_1)));
  WeightBlock block{.q = {}, .scales = {f16_to_f32(from.d)}, .min = -f16_to_f32(from.m)};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = static_cast<std::int8_t>(from.qs[i % 16] >> i / 16 * 4 & 15);
  }
  return block;
}

WeightBlock q5_0_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ5_0>(row + b * static_cast<std::int64_t>(sizeof(BlockQ5_0)));
  WeightBlock block{.q = {}, .scales = {f16_to_f32(from.d)}};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = static_cast<std::int8_t>(q5_value(from.qs, from.qh, static_cast<int>(i)) - 16);
  }
  return block;
}

WeightBlock q5_1_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ5_1>(row + b * static_cast<std::int64_t>(sizeof(BlockQ5_1)));
  WeightBlock block{.q = {}, .scales = {f16_to_f32(from.d)}, .min = -f16_to_f32(from.m)};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = static_cast<std::int8_t>(q5_value(from.qs, from.qh, static_cast<int>(i)));
  }
  return block;
}

WeightBlock iq4_nl_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockIQ4_NL>(row + b * static_cast<std::int64_t>(sizeof(BlockIQ4_NL)));
  WeightBlock block{.q = {}, .scales = {f16_to_f32(from.d)}};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = kIq4Values[from.qs[i % 16] >> i / 16 * 4 & 15];
  }
  return block;
}

WeightBlock mxfp4_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockMxfp4>(row + b * static_cast<std::int64_t>(sizeof(BlockMxfp4)));
  WeightBlock block{.q = {}, .scales = {std::ldexp(1.0F, static_cast<int>(from.e) - 128)}};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = kTwiceE2m1[from.qs[i % 16] >> i / 16 * 4 & 15];
  }
  return block;
}

/// Of Q4_K and Q5_K, without Q5_K's fifth bits.
template <class Block>
WeightBlock affine_k_block(const Block& from, int group) {
  WeightBlock block{.q = {},
                    .scales = {f16_to_f32(from.d) * static_cast<float>(q4_k_scale(from.scales, group))},
                    .min = f16_to_f32(from.dmin) * static_cast<float>(q4_k_min(from.scales, group))};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    const std::uint8_t byte = from.qs[static_cast<std::size_t>(group / 2 * Block::kGroup) + i];
    block.q[i] = static_cast<std::int8_t>(byte >> group % 2 * 4 & 15);
  }
  return block;
}

WeightBlock q4_k_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ4_K>(row + b / 8 * static_cast<std::int64_t>(sizeof(BlockQ4_K)));
  return affine_k_block(from, static_cast<int>(b % 8));
}

WeightBlock q5_k_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ5_K>(row + b / 8 * static_cast<std::int64_t>(sizeof(BlockQ5_K)));
  WeightBlock block = affine_k_block(from, static_cast<int>(b % 8));
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    block.q[i] = static_cast<std::int8_t>(block.q[i] | (from.qh[i] >> b % 8 & 1) << 4);
  }
  return block;
}

WeightBlock iq4_xs_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockIQ4_XS>(row + b / 8 * static_cast<std::int64_t>(sizeof(BlockIQ4_XS)));
  const int group = static_cast<int>(b % 8);
  WeightBlock block{.q = {}, .scales = {f16_to_f32(from.d) * static_cast<float>(iq4_xs_scale(from, group))}};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    const std::uint8_t byte = from.qs[static_cast<std::size_t>(group) * 16 + i % 16];
    block.q[i] = kIq4Values[byte >> i / 16 * 4 & 15];
  }
  return block;
}

WeightBlock q6_k_block(const std::byte* row, std::int64_t b) {
  const auto from = load_block<BlockQ6_K>(row + b / 8 * static_cast<std::int64_t>(sizeof(BlockQ6_K)));
  const int first = static_cast<int>(b % 8) * static_cast<int>(kQ8Block);
  const float d = f16_to_f32(from.d);
  WeightBlock block{
      .q = {},
      .scales = {d * static_cast<float>(from.scales[first / 16]), d * static_cast<float>(from.scales[first / 16 + 1])},
      .halves = true};
  for (std::size_t i = 0; i < kQ8Block; ++i) {
    const Q6KPlace at = q6_k_at(first + static_cast<int>(i));
    const int q = (from.ql[at.low] >> at.low_shift & 15) | (from.qh[at.high] >> at.high_shift & 3) << 4;
    block.q[i] = static_cast<std::int8_t>(q - 32);
  }
  return block;
}

using BlockOf = WeightBlock (*)(const std::byte* row, std::int64_t b);

/// nullptr when the format has no product with 8-bit activations.
BlockOf block_of(DType type) {
  switch (type) {
    case DType::q8_0:
      return q8_0_block;
    case DType::q4_0:
      return q4_0_block;
    case DType::q4_1:
      return q4_1_block;
    case DType::q5_0:
      return q5_0_block;
    case DType::q5_1:
      return q5_1_block;
    case DType::iq4_nl:
      return iq4_nl_block;
    case DType::mxfp4:
      return mxfp4_block;
    case DType::q4_k:
      return q4_k_block;
    case DType::q5_k:
      return q5_k_block;
    case DType::iq4_xs:
      return iq4_xs_block;
    case DType::q6_k:
      return q6_k_block;
    default:
      return nullptr;
  }
}

float q8_chain(const WeightBlock* w, const Q8Rows& x, int row) {
  float sum = 0;
  for (std::int64_t b = 0; b < x.n_blocks; ++b) {
    const std::int8_t* q = x.block(row, b);
    int dots[2] = {};
    int x_sum = 0;
    for (std::size_t i = 0; i < kQ8Block; ++i) {
      dots[w[b].halves ? i / 16 : 0] += w[b].q[i] * q[i];
      x_sum += q[i];
    }
    sum += (w[b].scales[0] * static_cast<float>(dots[0])) * x.scale(row, b);
    if (w[b].halves) {
      sum += (w[b].scales[1] * static_cast<float>(dots[1])) * x.scale(row, b);
    }
    sum -= w[b].min * (x.scale(row, b) * static_cast<float>(x_sum));
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
  const BlockOf unpack = block_of(w.type);
  auto* blocks = reinterpret_cast<WeightBlock*>(work.scratch.data());  // [n_blocks]
  LL_CHECK(work.scratch.size() >= static_cast<std::size_t>(x.n_blocks) * sizeof(WeightBlock),
           "a weight row exceeds scratch");
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    for (std::int64_t b = 0; b < x.n_blocks; ++b) {
      blocks[b] = unpack(w.data + r * w.row_bytes, b);
    }
    for (int i = 0; i < mm.m; ++i) {
      store_output(mm, i, r, q8_chain(blocks, x, i));
    }
  }
}

}  // namespace

bool has_q8(DType type) {
  return block_of(type) != nullptr;
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
