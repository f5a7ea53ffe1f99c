#include "cli/outputs.h"

#include <algorithm>
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

Status refuse_builtin(const std::string& model) {
  if (model == kBuiltinHaiku) {
    return errorf(ErrorCode::invalid_argument, "{} is no file; give a model file or directory", model);
  }
  return {};
}

}  // namespace llorch::cli
