// open_checkpoint: which container is it?
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/format.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf.h"
#include "checkpoint/safetensors.h"

namespace llorch {

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
