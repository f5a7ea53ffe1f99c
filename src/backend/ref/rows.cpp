// The reference ops that treat each token's row alone: embed, norm, gate, add. Threads share out the rows.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "backend/ref/ops.h"
#include "quant/formats.h"

namespace llorch::ref {
namespace {

Range my_rows(const Work& work) {
  return part_of(work.batch->n_tokens(), work.thread, work.n_threads);
}

float* row_of(float* slot, int row, int width) {
  return slot + static_cast<std::ptrdiff_t>(row) * width;
}

/// Row `row` of a matrix, decoded: out[cols].
void decode_row(const Work& work, WeightId id, std::int64_t row, float* out) {
  const MatrixView& matrix = work.matrix(id);
  if (const std::byte* packed = work.packed(id); packed != nullptr) {
    return work.weights->unpack_row(matrix, packed, row, out);
  }
  const Format& format = format_of(matrix.type);
  format.decode(matrix.data + row * matrix.row_bytes, out, matrix.cols / format.block_len);
}

/// y = x / sqrt(mean(x^2) + eps) * w + b over one group of n channels; sums in double, first to last.
void rms_norm(const float* x, float* y, int n, const float* w, const float* b, float eps) {
  double squares = 0;
  for (int i = 0; i < n; ++i) {
    squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  const auto scale = static_cast<float>(1.0 / std::sqrt(squares / n + static_cast<double>(eps)));
  for (int i = 0; i < n; ++i) {
    y[i] = x[i] * scale * (w != nullptr ? w[i] : 1.0F) + (b != nullptr ? b[i] : 0.0F);
  }
}

/// y = (x - mean) / sqrt(var + eps) * w + b, biased variance; sums in double, first to last.
void layer_norm(const float* x, float* y, int n, const float* w, const float* b, float eps) {
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    sum += static_cast<double>(x[i]);
  }
  const auto mean = static_cast<float>(sum / n);
  double squares = 0;
  for (int i = 0; i < n; ++i) {
    const auto d = static_cast<double>(x[i] - mean);
    squares += d * d;
  }
  const auto scale = static_cast<float>(1.0 / std::sqrt(squares / n + static_cast<double>(eps)));
  for (int i = 0; i < n; ++i) {
    y[i] = (x[i] - mean) * scale * (w != nullptr ? w[i] : 1.0F) + (b != nullptr ? b[i] : 0.0F);
  }
}

float activated(Act act, float x) {
  if (act == Act::silu) {
    return x / (1.0F + std::exp(-x));
  }
  if (act == Act::gelu_erf) {
    return 0.5F * x * (1.0F + std::erf(x * 0.70710678F));
  }
  constexpr float kSqrt2OverPi = 0.7978845608028654F;
  return 0.5F * x * (1.0F + std::tanh(kSqrt2OverPi * (x + 0.044715F * x * x * x)));
}

}  // namespace

void embed(const EmbedOp& op, const Work& work) {
  const auto width = static_cast<int>(work.matrix(op.table).cols);
  auto* added = reinterpret_cast<float*>(work.scratch.data());  // [width]
  const Range rows = my_rows(work);
  for (int t = rows.begin; t < rows.end; ++t) {
    float* out = row_of(work.slot(op.out), t, width);
    decode_row(work, op.table, work.batch->tokens[static_cast<std::size_t>(t)], out);
    for (int i = 0; i < width; ++i) {
      out[i] = op.scale * out[i];
    }
    if (op.position_table != kNoWeight) {
      decode_row(work, op.position_table, work.batch->positions[static_cast<std::size_t>(t)], added);
      for (int i = 0; i < width; ++i) {
        out[i] += added[i];
      }
    }
  }
}

void norm(const NormOp& op, const Work& work) {
  const int row = op.row > 0 ? op.row : work.plan->width(op.in);
  const int n = (op.width > 0 ? op.width : row) / op.groups;
  const auto function = op.kind == NormKind::rms ? rms_norm : layer_norm;
  const float* weight = work.vector(op.weight);
  const Range rows = my_rows(work);
  for (int t = rows.begin; t < rows.end; ++t) {
    const float* in = row_of(work.slot(op.in), t, row);
    float* out = row_of(work.slot(op.out), t, row);
    for (int g = 0; g < op.groups; ++g) {
      function(in + g * n, out + g * n, n, op.own_weights ? weight + g * n : weight, work.vector(op.bias), op.eps);
    }
  }
}

void gate(const GateOp& op, float* gate, const float* up, std::int64_t n, const Work& work) {
  const Range mine = part_of(static_cast<int>(n), work.thread, work.n_threads);
  for (int i = mine.begin; i < mine.end; ++i) {
    if (op.limit > 0) {
      const float g = std::min(gate[i], op.limit);
      gate[i] = g / (1.0F + std::exp(-op.alpha * g)) * (std::clamp(up[i], -op.limit, op.limit) + 1.0F);
    } else {
      gate[i] = op.gated ? activated(op.act, gate[i]) * up[i] : activated(op.act, gate[i]);
    }
  }
}

void add(const AddOp& op, const Work& work) {
  const int width = work.plan->width(op.out);
  const Range rows = my_rows(work);
  for (int t = rows.begin; t < rows.end; ++t) {
    const float* in = row_of(work.slot(op.in), t, width);
    float* out = row_of(work.slot(op.out), t, width);
    for (int i = 0; i < width; ++i) {
      out[i] += op.scale * in[i];
    }
  }
}

}  // namespace llorch::ref
