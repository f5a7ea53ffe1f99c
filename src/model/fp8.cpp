#include "model/fp8.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/format.h"
#include "checkpoint/layout.h"
#include "model/finite.h"
#include "quant/floats/e4m3.h"
#include "quant/formats.h"

namespace llorch {
namespace {

constexpr std::string_view kConfig = "quantization_config.quant_method";
constexpr std::string_view kBlockSize = "quantization_config.weight_block_size";

constexpr std::int64_t kMaxBlock = 1 << 20;

std::int64_t rounded_up(std::int64_t n, std::int64_t block) {
  return (n + block - 1) / block;
}

Result<const Tensor*> find_scale(const Checkpoint& checkpoint, const Tensor& tensor) {
  const Tensor* inverse = checkpoint.find(tensor.name + "_scale_inv");  // named so by DeepSeek; it multiplies as well
  const Tensor* plain = checkpoint.find(tensor.name + "_scale");
  if (inverse != nullptr && plain != nullptr) {
    return errorf(ErrorCode::model_file, "{}: tensor {} has two scales, {} and {}", tensor.file, tensor.name,
                  inverse->name, plain->name);
  }
  const Tensor* found = inverse != nullptr ? inverse : plain;
  if (found == nullptr && checkpoint.metadata.has(kConfig)) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is F8_E4M3, but neither {}_scale nor {}_scale_inv is there",
                  tensor.file, tensor.name, tensor.name, tensor.name);
  }
  return found;
}

/// Rows and columns of a block.
Result<std::vector<std::int64_t>> block_size(const Checkpoint& checkpoint) {
  if (!checkpoint.metadata.has(kBlockSize)) {
    return std::vector<std::int64_t>{128, 128};
  }
  LL_ASSIGN(const auto sizes, checkpoint.metadata.integers(kBlockSize));
  const bool in_range =
      std::all_of(sizes.begin(), sizes.end(), [](auto size) { return size >= 1 && size <= kMaxBlock; });
  if (sizes.size() != 2 || !in_range) {
    return errorf(ErrorCode::model_file, "{}: {} is {}, must be two numbers from 1 to 2^20",
                  checkpoint.metadata.source(), kBlockSize, to_string(*checkpoint.metadata.find(kBlockSize)));
  }
  return std::vector<std::int64_t>(sizes.begin(), sizes.end());
}

Status check_values(const Tensor& scale, const std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i] * kE4m3Max)) {
      return errorf(ErrorCode::model_file, "{}: tensor {} holds {} at place {}, which no scale can be", scale.file,
                    scale.name, values[i], i);
    }
  }
  return {};
}

Result<Fp8Scales> read_scales(const Checkpoint& checkpoint, const Tensor& tensor, const Tensor& scale) {
  if (scale.type != DType::f32 && scale.type != DType::bf16 && scale.type != DType::f16) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is {}, scales must be F32, BF16 or F16", scale.file, scale.name,
                  format_of(scale.type).name);
  }
  const std::int64_t cols = tensor.shape.back();
  const std::int64_t rows = tensor.elements() / cols;
  LL_ASSIGN(const auto block, block_size(checkpoint));
  const std::vector<std::int64_t> grid = {rounded_up(rows, block[0]), rounded_up(cols, block[1])};
  Fp8Scales scales;
  if (scale.elements() == 1) {
    scales.block_rows = rows;
    scales.block_cols = cols;
  } else if (tensor.shape.size() == 2 &&
             (scale.shape == std::vector{rows} || scale.shape == std::vector{rows, std::int64_t{1}})) {
    scales.block_cols = cols;
  } else if (tensor.shape.size() == 2 && scale.shape == grid) {
    scales.block_rows = block[0];
    scales.block_cols = block[1];
  } else {
    return errorf(ErrorCode::model_file,
                  "{}: tensor {} has the shape {}, scales of {} {} have one value, one a row, or the shape {}",
                  scale.file, scale.name, shape_text(scale.shape), tensor.name, shape_text(tensor.shape),
                  shape_text(grid));
  }
  scales.values.resize(static_cast<std::size_t>(scale.elements()));
  format_of(scale.type).decode(scale.data.data(), scales.values.data(), scale.elements());
  LL_TRY(check_values(scale, scales.values));
  return scales;
}

/// Row r of `tensor`, [cols], times its scales.
void decode_row(const Tensor& tensor, const Fp8Scales& scales, std::int64_t r, float* out) {
  const std::int64_t cols = tensor.shape.back();
  const std::int64_t n_blocks = rounded_up(cols, scales.block_cols);
  const float* scale = scales.values.data() + r / scales.block_rows * n_blocks;
  format_of(DType::f8_e4m3).decode(tensor.data.data() + r * cols, out, cols);
  for (std::int64_t c = 0; c < cols; c += scales.block_cols, ++scale) {
    const std::int64_t end = std::min(cols, c + scales.block_cols);
    std::transform(out + c, out + end, out + c, [scale](float value) { return value * *scale; });
  }
}

Status check_no_nan(const Tensor& tensor) {
  if (const auto at = first_not_finite(tensor, 0, static_cast<std::int64_t>(tensor.data.size())); at >= 0) {
    return errorf(ErrorCode::model_file, "{}: tensor {} holds NaN ({:#x}) at offset {}", tensor.file, tensor.name,
                  std::to_integer<int>(tensor.data[static_cast<std::size_t>(at)]),
                  tensor.file_offset + static_cast<std::uint64_t>(at));
  }
  return {};
}

}  // namespace

Result<Fp8Weights> Fp8Weights::find(const Checkpoint& checkpoint, const Tensor& tensor, std::set<std::string>& used) {
  LL_ASSIGN(const Tensor* scale, find_scale(checkpoint, tensor));
  const std::string input_scale = tensor.name.substr(0, tensor.name.rfind('.') + 1) + "input_scale";
  if (checkpoint.find(input_scale) != nullptr) {
    used.insert(input_scale);
  }
  if (scale == nullptr) {
    return Fp8Weights(tensor, std::nullopt);
  }
  used.insert(scale->name);
  LL_ASSIGN(Fp8Scales scales, read_scales(checkpoint, tensor, *scale));
  return Fp8Weights(tensor, std::move(scales));
}

Status Fp8Weights::decode(std::byte* out) const {
  LL_TRY(check_no_nan(*tensor_));
  const std::int64_t cols = tensor_->shape.back();
  const std::int64_t n_rows = tensor_->elements() / cols;
  std::vector<float> row(static_cast<std::size_t>(cols));
  for (std::int64_t r = 0; r < n_rows; ++r) {
    if (scales_) {
      decode_row(*tensor_, *scales_, r, reinterpret_cast<float*>(out) + r * cols);
    } else {
      format_of(DType::f8_e4m3).decode(tensor_->data.data() + r * cols, row.data(), cols);
      format_of(DType::f16).encode(row.data(), out + r * bytes_of(format_of(DType::f16), cols), cols);
    }
  }
  return {};
}

Result<Tensor> decode_fp8(const Fp8Weights& weights, TensorArena& arena) {
  std::byte* bytes = nullptr;
  Tensor built = arena.make(weights.tensor(), weights.type(), weights.tensor().shape, &bytes);
  if (bytes != nullptr) {
    LL_TRY(weights.decode(bytes));
  }
  return built;
}

}  // namespace llorch
