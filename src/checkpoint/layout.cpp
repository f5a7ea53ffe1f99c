#include "checkpoint/layout.h"

#include <algorithm>

#include "base/format.h"
#include "checkpoint/printable.h"

namespace llorch {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<std::uint64_t> checked_bytes(const std::string& file, const Tensor& tensor, const Format& format) {
  std::int64_t elements = 1;
  std::int64_t bytes = 0;
  for (const std::int64_t dim : tensor.shape) {
    if (dim < 1) {
      return errorf(ErrorCode::model_file, "{}: tensor '{}' has shape {}; every dim must be at least 1", file,
                    printable(tensor.name), shape_text(tensor.shape));
    }
    if (__builtin_mul_overflow(elements, dim, &elements)) {
      return errorf(ErrorCode::model_file, "{}: tensor '{}' has shape {}, more elements than 63 bits can count", file,
                    printable(tensor.name), shape_text(tensor.shape));
    }
  }
  if (tensor.shape.back() % format.block_len != 0) {
    return errorf(ErrorCode::model_file, "{}: tensor '{}' has shape {}; rows of {} must be a multiple of {} weights",
                  file, printable(tensor.name), shape_text(tensor.shape), format.name, format.block_len);
  }
  if (__builtin_mul_overflow(elements / format.block_len, std::int64_t{format.block_bytes}, &bytes)) {
    return errorf(ErrorCode::model_file, "{}: tensor '{}' has shape {}, more bytes than 63 bits can count", file,
                  printable(tensor.name), shape_text(tensor.shape));
  }
  return static_cast<std::uint64_t>(bytes);
}

Status sort_without_overlap(std::vector<Tensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const Tensor& a, const Tensor& b) { return a.file_offset < b.file_offset; });
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    const Tensor& before = tensors[i - 1];
    const Tensor& tensor = tensors[i];
    if (before.file_offset + before.data.size() > tensor.file_offset) {
      return errorf(ErrorCode::model_file, "{}: tensor '{}' at offset {} overlaps tensor '{}' ({} bytes at offset {})",
                    tensor.file, printable(tensor.name), tensor.file_offset, printable(before.name), before.data.size(),
                    before.file_offset);
    }
  }
  return {};
}

}  // namespace llorch
