// FP8 weights of SafeTensors: E4M3 values in one tensor, their scales in another. Made floats at load, so that nothing
// after that knows of them.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "model/build_tensor.h"

namespace llorch {

/// The weights of `tensor`, which is F8_E4M3: value times scale, rounded once to F32. The scales are the tensor
/// NAME_scale_inv or NAME_scale, floats of one of these shapes for a matrix [rows, cols]:
///   one value                                   of the whole tensor
///   [rows, 1] or [rows]                         of each row
///   [rows / 128, cols / 128], rounded up        of each block; quantization_config.weight_block_size may say other
///   sizes
/// Without a scale the values are the weights, as F16, which holds them exactly: where config.json has a
/// quantization_config, that is an error instead. Scales of activations (input_scale) are not needed here, as llorch
/// does not round activations to FP8. Names of the tensors read or not needed are added to `used`.
/// ErrorCode::model_file for scales that are missing, of another shape or type, or not finite, and for values that are
/// NaN.
Result<Tensor> decode_fp8(const Checkpoint& checkpoint, const Tensor& tensor, TensorArena& arena,
                          std::set<std::string>& used);

}  // namespace llorch
