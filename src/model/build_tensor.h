// Tensors that no file holds as the plan needs them: transposed, reordered, stacked, one added. Built once, at load,
// into memory of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace llorch {

/// Owns what was built; must outlive the tensors.
class TensorArena {
 public:
  TensorArena() = default;
  /// An arena whose tensors have a type and a shape, and no data: to know what would be built.
  static TensorArena without_data() { return TensorArena(false); }
  bool has_data() const { return has_data_; }
  /// An empty one of the same kind.
  TensorArena another() const { return TensorArena(has_data_); }

  /// A tensor like `like` (name and file, for errors) of another type and shape; `bytes` is its memory, nullptr in an
  /// arena without data.
  Tensor make(const Tensor& like, DType type, std::vector<std::int64_t> shape, std::byte** bytes);
  /// Owns from now on what `other` did.
  void take(TensorArena&& other);

 private:
  explicit TensorArena(bool has_data) : has_data_(has_data) {}

  bool has_data_ = true;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

/// ErrorCode::model_file unless `tensor` has this shape.
Status expect_shape(const Tensor& tensor, const std::vector<std::int64_t>& shape);

/// The same values as F32.
Tensor as_f32(TensorArena& arena, const Tensor& tensor);

/// All values plus one, as F32 (gemma's norms are stored less one).
Tensor plus_one(TensorArena& arena, const Tensor& tensor);

/// Value i of the result, counted in the order of `shape`, is value source(i) of `tensor`. Keeps the type where a value
/// is whole bytes, else gives F32. ErrorCode::model_file when `source` leaves the tensor; an arena without data does
/// not ask it, so that what the shapes can tell is to be checked before.
Result<Tensor> gathered(TensorArena& arena, const Tensor& tensor, std::vector<std::int64_t> shape,
                        const std::function<std::int64_t(std::int64_t)>& source);

/// [cols, rows] of a matrix.
Result<Tensor> transposed(TensorArena& arena, const Tensor& tensor);

/// n tensors of the shape of `like`, one after the other: [n, ...]. write(i, out) writes the i-th one's data.
Result<Tensor> stacked(TensorArena& arena, std::int64_t n, const Tensor& like, DType type,
                       const std::function<Status(std::int64_t, std::byte*)>& write);

}  // namespace llorch
