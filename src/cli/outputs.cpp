#include "cli/outputs.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/format.h"
#include "engine/loaded_model.h"

namespace llorch::cli {
namespace {

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return std::filesystem::equivalent(a, b, ignored);
}

bool is_file_of(const std::filesystem::path& out, const Checkpoint& model) {
  std::error_code ignored;
  if (model.container == Container::safetensors && std::filesystem::exists(out, ignored) &&
      same_file(out.has_parent_path() ? out.parent_path() : ".", model.path)) {
    return true;
  }
  return std::any_of(model.files.begin(), model.files.end(),
                     [&](const auto& file) { return same_file(out, file->path()); });
}

}  // namespace

Status refuse_input(const std::string& out, const Checkpoint& model, const std::vector<std::string>& others) {
  if (is_file_of(out, model)) {
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
