// open_checkpoint: which container is it?
#include "checkpoint/checkpoint.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/format.h"
#include "checkpoint/gguf.h"
#include "checkpoint/safetensors.h"

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

Result<Checkpoint> open_checkpoint(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return open_safetensors(path);
  }
  if (path.ends_with(".safetensors")) {
    return errorf(ErrorCode::model_file, "{}: give the directory that holds this file and its config.json", path);
  }
  LL_ASSIGN(auto file, MappedFile::open(path));
  return open_gguf(std::move(file));
}

}  // namespace llorch
