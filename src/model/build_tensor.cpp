#include "model/build_tensor.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/format.h"
#include "checkpoint/layout.h"
#include "quant/formats.h"

namespace llorch {
namespace {

std::vector<float> decoded(const Tensor& tensor) {
  const Format& format = format_of(tensor.type);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  format.decode(tensor.data.data(), values.data(), tensor.elements() / format.block_len);
  return values;
}

}  // namespace

Tensor TensorArena::make(const Tensor& like, DType type, std::vector<std::int64_t> shape, std::byte** bytes) {
  Tensor tensor{.name = like.name, .type = type, .shape = std::move(shape), .data = {}, .file = like.file};
  tensor.file_offset = like.file_offset;
  *bytes = nullptr;
  if (!has_data_) {
    return tensor;
  }
  const auto size = static_cast<std::size_t>(bytes_of(format_of(type), tensor.elements()));
  blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
  *bytes = blocks_.back().get();
  tensor.data = {*bytes, size};
  return tensor;
}

void TensorArena::take(TensorArena&& other) {
  std::move(other.blocks_.begin(), other.blocks_.end(), std::back_inserter(blocks_));
  other.blocks_.clear();
}

Status expect_shape(const Tensor& tensor, const std::vector<std::int64_t>& shape) {
  if (tensor.shape != shape) {
    return errorf(ErrorCode::model_file, "{}: tensor {} has the shape {}, the model's sizes need {}", tensor.file,
                  tensor.name, shape_text(tensor.shape), shape_text(shape));
  }
  return {};
}

Tensor as_f32(TensorArena& arena, const Tensor& tensor) {
  std::byte* bytes = nullptr;
  Tensor built = arena.make(tensor, DType::f32, tensor.shape, &bytes);
  if (bytes != nullptr) {
    const Format& format = format_of(tensor.type);
    format.decode(tensor.data.data(), reinterpret_cast<float*>(bytes), tensor.elements() / format.block_len);
  }
  return built;
}

Tensor plus_one(TensorArena& arena, const Tensor& tensor) {
  std::byte* bytes = nullptr;
  Tensor built = arena.make(tensor, DType::f32, tensor.shape, &bytes);
  if (bytes != nullptr) {
    std::vector<float> values = decoded(tensor);
    for (float& value : values) {
      value += 1.0F;
    }
    std::memcpy(bytes, values.data(), values.size() * sizeof(float));
  }
  return built;
}

Result<Tensor> gathered(TensorArena& arena, const Tensor& tensor, std::vector<std::int64_t> shape,
                        const std::function<std::int64_t(std::int64_t)>& source) {
  const bool plain = format_of(tensor.type).block_len == 1;
  const DType type = plain ? tensor.type : DType::f32;
  const auto size = static_cast<std::size_t>(format_of(type).block_bytes);
  std::byte* bytes = nullptr;
  Tensor built = arena.make(tensor, type, std::move(shape), &bytes);
  if (bytes == nullptr) {
    return built;
  }
  const std::vector<float> floats = plain ? std::vector<float>() : decoded(tensor);
  const auto* from = plain ? tensor.data.data() : reinterpret_cast<const std::byte*>(floats.data());
  const std::int64_t n = built.elements();
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t at = source(i);
    if (at < 0 || at >= tensor.elements()) {
      return errorf(ErrorCode::model_file, "{}: tensor {} with the shape {} does not fit the model's sizes",
                    tensor.file, tensor.name, shape_text(tensor.shape));
    }
    std::memcpy(bytes + static_cast<std::size_t>(i) * size, from + static_cast<std::size_t>(at) * size, size);
  }
  return built;
}

Result<Tensor> transposed(TensorArena& arena, const Tensor& tensor) {
  const std::int64_t rows = tensor.shape[0];
  const std::int64_t cols = tensor.shape[1];
  return gathered(arena, tensor, {cols, rows}, [=](std::int64_t i) { return i % rows * cols + i / rows; });
}

Result<Tensor> stacked(TensorArena& arena, std::int64_t n, const Tensor& like, DType type,
                       const std::function<Status(std::int64_t, std::byte*)>& write) {
  std::vector<std::int64_t> shape = {n};
  shape.insert(shape.end(), like.shape.begin(), like.shape.end());
  std::byte* bytes = nullptr;
  Tensor built = arena.make(like, type, std::move(shape), &bytes);
  const std::int64_t size = bytes_of(format_of(type), like.elements());
  for (std::int64_t i = 0; bytes != nullptr && i < n; ++i) {
    LL_TRY(write(i, bytes + i * size));
  }
  return built;
}

}  // namespace llorch
