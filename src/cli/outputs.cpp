#include "cli/outputs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/format.h"
#include "checkpoint/digest.h"
#include "engine/loaded_model.h"

namespace llorch::cli {
namespace {

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return std::filesystem::equivalent(a, b, ignored);
}

/// Those of a directory are its shards, their index, and its text_files().
Result<std::vector<std::string>> files_of(const Checkpoint& model) {
  std::vector<std::string> paths;
  for (const auto& file : model.files) {
    paths.push_back(file->path());
  }
  if (model.container == Container::safetensors) {
    LL_ASSIGN(std::vector<std::string> names, text_files(model.path));
    names.emplace_back("model.safetensors.index.json");
    for (const std::string& name : names) {
      paths.push_back(fmt::format("{}/{}", model.path, name));
    }
  }
  return paths;
}

}  // namespace

Status refuse_input(const std::string& out, const Checkpoint& model, const std::vector<std::string>& others) {
  LL_ASSIGN(const std::vector<std::string> files, files_of(model));
  if (std::any_of(files.begin(), files.end(), [&](const std::string& file) { return same_file(out, file); })) {
    return errorf(ErrorCode::invalid_argument, "{} is a file of the model {}, which writing it would destroy", out,
                  model.path);
  }
  for (const std::string& other : others) {
    if (!other.empty() && same_file(out, other)) {
      return errorf(ErrorCode::invalid_argument, "{} and {} are the same file", out, other);
    }
  }
  return {};
}

Result<Output> Output::create(const std::string& path, const Checkpoint& model) {
  LL_TRY(refuse_input(path, model, {}));
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
      !std::filesystem::is_directory(status)) {
    Output output(path, std::nullopt, std::fopen(path.c_str(), "wb"));
    if (output.stream_ == nullptr) {
      return output.error();
    }
    return output;
  }
  LL_ASSIGN(AtomicFile file, AtomicFile::create(path));
  return Output(path, std::move(file), nullptr);
}

Error Output::error() const {
  return errorf(ErrorCode::io, "{}: cannot be written: {}", path_, std::strerror(errno));
}

Status Output::write(std::span<const std::byte> bytes) {
  if (file_) {
    return file_->write(bytes);
  }
  return std::fwrite(bytes.data(), 1, bytes.size(), stream_.get()) == bytes.size() ? Status() : error();
}

Status Output::commit() {
  if (file_) {
    return file_->commit();
  }
  return std::fclose(stream_.release()) == 0 ? Status() : error();
}

Status refuse_builtin(const std::string& model) {
  if (model == kBuiltinHaiku) {
    return errorf(ErrorCode::invalid_argument, "{} is no file; give a model file or directory", model);
  }
  return {};
}

}  // namespace llorch::cli
