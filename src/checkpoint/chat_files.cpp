// On the way of a model's files into a checkpoint: the chat templates in them, and the texts of special tokens.
#include "checkpoint/chat_files.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/format.h"
#include "base/json.h"
#include "base/mmap.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxTextBytes = 100'000'000;
constexpr const char* kTemplateFolder = "additional_chat_templates";

constexpr const char* kHfTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                     "pad_token", "cls_token", "mask_token"};

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<std::string> read_text(const std::string& path) {
  LL_ASSIGN(const auto file, MappedFile::open(path));
  if (file->bytes().size() > kMaxTextBytes) {
    return errorf(ErrorCode::model_file, "{}: {} bytes, more than the limit of {}", path, file->bytes().size(),
                  kMaxTextBytes);
  }
  return std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
}

/// "chat_template" of a config: one template, or a list of named ones.
Status add_configured(ChatFiles& files, const json& config, const std::string& path) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) {
    return {};
  }
  if (found->is_string()) {
    files.add("default", found->get<std::string>(), path + ": chat_template");
    return {};
  }
  if (!found->is_array()) {
    return errorf(ErrorCode::model_file, "{}: chat_template is neither a text nor a list of named texts", path);
  }
  for (std::size_t i = 0; i < found->size(); ++i) {
    const json& item = (*found)[i];
    const auto text = [&](const char* key) { return item.is_object() && item.contains(key) && item[key].is_string(); };
    if (!text("name") || !text("template")) {
      return errorf(ErrorCode::model_file, "{}: chat_template[{}] has no name and template", path, i);
    }
    files.add(item["name"].get<std::string>(), item["template"].get<std::string>(),
              fmt::format("{}: chat_template[{}]", path, i));
  }
  return {};
}

/// A text, or an object with "content".
void add_token_texts(ChatFiles& files, const json& config) {
  for (const char* name : kHfTokens) {
    const auto found = config.find(name);
    if (found == config.end()) {
      continue;
    }
    const json text = found->is_object() ? found->value("content", json()) : *found;
    if (text.is_string()) {
      files.token_texts.emplace_back(name, text.get<std::string>());
    }
  }
}

Status add_config(ChatFiles& files, const std::string& path) {
  LL_ASSIGN(const std::string text, read_text(path));
  const auto config = parse_json(text, path);
  if (!config.ok()) {
    return Error{ErrorCode::model_file, config.error().message};
  }
  if (!config->is_object()) {
    return errorf(ErrorCode::model_file, "{}: must be a JSON object, is {}", path, config->type_name());
  }
  LL_TRY(add_configured(files, *config, path));
  add_token_texts(files, *config);
  return {};
}

Status add_additional(ChatFiles& files, const std::string& directory) {
  LL_ASSIGN(const std::vector<std::string> names, additional_templates(directory));
  for (const std::string& name : names) {
    const std::string path = fmt::format("{}/{}", directory, name);
    LL_ASSIGN(std::string text, read_text(path));
    files.add(std::filesystem::path(name).stem().string(), std::move(text), path);
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> additional_templates(const std::string& directory) {
  const std::string folder = directory + "/" + kTemplateFolder;
  std::error_code failed;
  std::vector<std::string> names;
  if (std::filesystem::exists(folder, failed)) {
    for (std::filesystem::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
      if (it->path().extension() == ".jinja") {
        names.push_back(fmt::format("{}/{}", kTemplateFolder, it->path().filename().string()));
      }
    }
  }
  if (failed) {
    return errorf(ErrorCode::model_file, "{}: {}", folder, failed.message());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<ChatFiles> hf_chat_files(const std::string& directory) {
  ChatFiles files;
  if (const std::string path = directory + "/chat_template.jinja"; exists(path)) {
    LL_ASSIGN(std::string text, read_text(path));
    files.add("default", std::move(text), path);
  }
  LL_TRY(add_additional(files, directory));
  const bool in_files = !files.templates.empty();  // they replace those of a config all together
  ChatFiles configured;
  for (const char* name : {"/tokenizer_config.json", "/chat_template.json"}) {
    if (const std::string path = directory + name; exists(path)) {
      LL_TRY(add_config(configured, path));
    }
  }
  if (!in_files) {
    files.templates = std::move(configured.templates);
  }
  files.token_texts = std::move(configured.token_texts);
  return files;
}

}  // namespace llorch
