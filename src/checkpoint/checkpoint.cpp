// open_checkpoint: which container is it?
#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>
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

Result<Checkpoint> open_checkpoint(const std::string& path, const FileAccess& access) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return open_safetensors(path, access);
  }
  if (path.ends_with(".safetensors")) {
    return errorf(ErrorCode::model_file, "{}: give the directory that holds this file and its config.json", path);
  }
  LL_ASSIGN(auto file, MappedFile::open(path, access));
  return open_gguf(std::move(file), access);
}

std::int64_t checkpoint_file_bytes(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    const std::int64_t first = static_cast<std::int64_t>(fs::file_size(path, error));
    return error ? 0 : first * gguf_split_count(path);  // the parts of a split set are of about one size
  }
  std::int64_t bytes = 0;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".safetensors") {
      const auto size = it->file_size(error);
      bytes += error ? 0 : static_cast<std::int64_t>(size);
    }
  }
  return bytes;
}

}  // namespace llorch
