// FP8 weights of SafeTensors: E4M3 values in one tensor, their scales in another. Made floats at load, so that nothing
// after that knows of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "model/build_tensor.h"

namespace llorch {

/// A grid of scales over a matrix.
struct Fp8Scales {
  std::vector<float> values;  // [ceil(rows / block_rows), ceil(cols / block_cols)]
  std::int64_t block_rows = 1;
  std::int64_t block_cols = 1;
};

/// The weights of an F8_E4M3 tensor: value times scale, rounded once to F32. The scales are the tensor NAME_scale_inv
/// or NAME_scale, floats of one of these shapes for a matrix [rows, cols]:
///   one value                                   of the whole tensor
///   [rows, 1] or [rows]                         of each row
///   [rows / 128, cols / 128], rounded up        of each block; quantization_config.weight_block_size may say other
///   sizes
/// Without a scale the values are the weights, as F16, which holds them exactly: where config.json has a
/// quantization_config, that is an error instead. Scales of activations (input_scale) are not needed here, as llorch
/// does not round activations to FP8.
class Fp8Weights {
 public:
  /// Reads the scales, not the values. Names of the tensors read or not needed are added to `used`. `tensor` must
  /// outlive the result. ErrorCode::model_file for scales that are missing, of another shape or type, or not finite.
  static Result<Fp8Weights> find(const Checkpoint& checkpoint, const Tensor& tensor, std::set<std::string>& used);

  const Tensor& tensor() const { return *tensor_; }
  DType type() const { return scales_ ? DType::f32 : DType::f16; }
  /// Writes the weights, of type(), in the tensor's order; `out` is aligned for them. ErrorCode::model_file for values
  /// that are NaN.
  Status decode(std::byte* out) const;

 private:
  Fp8Weights(const Tensor& tensor, std::optional<Fp8Scales> scales) : tensor_(&tensor), scales_(std::move(scales)) {}

  const Tensor* tensor_;
  std::optional<Fp8Scales> scales_;
};

/// The weights as a tensor of their own.
Result<Tensor> decode_fp8(const Fp8Weights& weights, TensorArena& arena);

}  // namespace llorch
