// The reference ops that treat each token's row alone: embed, norm, gate, add. Threads share out the rows.
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
void decode_row(const MatrixView& matrix, std::int64_t row, float* out) {
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
  constexpr float kSqrt2OverPi = 0.7978845608028654F;
  return 0.5F * x * (1.0F + std::tanh(kSqrt2OverPi * (x + 0.044715F * x * x * x)));
}

}  // namespace

void embed(const EmbedOp& op, const Work& work) {
  const MatrixView& table = work.matrix(op.table);
  const auto width = static_cast<int>(table.cols);
  auto* added = reinterpret_cast<float*>(work.scratch.data());  // [width]
  const Range rows = my_rows(work);
  for (int t = rows.begin; t < rows.end; ++t) {
    float* out = row_of(work.slot(op.out), t, width);
    decode_row(table, work.batch->tokens[static_cast<std::size_t>(t)], out);
    for (int i = 0; i < width; ++i) {
      out[i] = op.scale * out[i];
    }
    if (op.position_table != kNoWeight) {
      decode_row(work.matrix(op.position_table), work.batch->positions[static_cast<std::size_t>(t)], added);
      for (int i = 0; i < width; ++i) {
        out[i] += added[i];
      }
    }
  }
}

void norm(const NormOp& op, const Work& work) {
  const int width = work.plan->width(op.in);
  const int n = width / op.groups;
  const auto function = op.kind == NormKind::rms ? rms_norm : layer_norm;
  const Range rows = my_rows(work);
  for (int t = rows.begin; t < rows.end; ++t) {
    const float* in = row_of(work.slot(op.in), t, width);
    float* out = row_of(work.slot(op.out), t, width);
    for (int g = 0; g < op.groups; ++g) {
      function(in + g * n, out + g * n, n, work.vector(op.weight), work.vector(op.bias), op.eps);
    }
  }
}

void gate(const GateOp& op, const Work& work) {
  const int width = work.plan->width(Slot::gate);
  const Range rows = my_rows(work);
  for (int t = rows.begin; t < rows.end; ++t) {
    float* x = row_of(work.slot(Slot::gate), t, width);
    const float* up = row_of(work.slot(Slot::up), t, width);
    for (int i = 0; i < width; ++i) {
      x[i] = op.gated ? activated(op.act, x[i]) * up[i] : activated(op.act, x[i]);
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
