#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <tuple>

namespace llorch {

std::int64_t Tensor::elements() const {
  std::int64_t n = 1;
  for (const std::int64_t dim : shape) {
    n *= dim;
  }
  return n;
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto it = tensors.find(name);
  return it != tensors.end() ? &it->second : nullptr;
}

std::int64_t Checkpoint::tensor_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    bytes += static_cast<std::int64_t>(tensor.data.size());
  }
  return bytes;
}

std::vector<const Tensor*> in_file_order(const Checkpoint& checkpoint) {
  std::vector<const Tensor*> tensors;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    tensors.push_back(&tensor);
  }
  std::sort(tensors.begin(), tensors.end(), [](const Tensor* a, const Tensor* b) {
    return std::tie(a->file, a->file_offset) < std::tie(b->file, b->file_offset);
  });
  return tensors;
}

}  // namespace llorch
