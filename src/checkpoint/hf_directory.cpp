// A Hugging Face directory -> Checkpoint: config.json, the shards, where the tokenizer is, and the chat template.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "base/format.h"
#include "base/json.h"
#include "checkpoint/config_json.h"
#include "checkpoint/printable.h"
#include "checkpoint/safetensors.h"

namespace llorch {
namespace {

using nlohmann::json;

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::size_t kMaxTextBytes = 100'000'000;

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string_view as_text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Result<std::shared_ptr<const MappedFile>> open_text(const std::string& path) {
  LL_ASSIGN(auto file, MappedFile::open(path));
  if (file->bytes().size() > kMaxTextBytes) {
    return errorf(ErrorCode::model_file, "{}: {} bytes, more than the limit of {}", path, file->bytes().size(),
                  kMaxTextBytes);
  }
  return file;
}

Result<json> open_json_object(const std::string& path) {
  LL_ASSIGN(const auto file, open_text(path));
  auto document = parse_json(as_text(*file), path);
  if (!document.ok()) {
    return Error{ErrorCode::model_file, document.error().message};
  }
  if (!document->is_object()) {
    return errorf(ErrorCode::model_file, "{}: must be a JSON object, is {}", path, document->type_name());
  }
  return document;
}

/// Opens one shard and adds its tensors to those of the checkpoint.
Status add_shard(const std::string& path, const FileAccess& access, Checkpoint& checkpoint) {
  LL_ASSIGN(auto file, MappedFile::open(path, access));
  LL_ASSIGN(auto tensors, parse_safetensors(file->bytes(), path));
  checkpoint.files.push_back(std::move(file));
  for (Tensor& tensor : tensors) {
    std::string name = tensor.name;
    const auto [it, added] = checkpoint.tensors.try_emplace(std::move(name), std::move(tensor));
    if (!added) {
      return errorf(ErrorCode::model_file, "{}: tensor '{}' occurs twice, first in {}", path, printable(it->first),
                    it->second.file);
    }
  }
  return {};
}

/// A shard lies beside its index: anything but a plain file name could lead out of the directory.
bool plain_file_name(std::string_view name) {
  return name.ends_with(".safetensors") && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name.size() <= 255;
}

/// tensor -> path of its shard.
Result<std::map<std::string, std::string>> read_index(const std::string& directory) {
  const std::string path = directory + "/" + kIndex;
  LL_ASSIGN(const json index, open_json_object(path));
  const auto weights = index.find("weight_map");
  if (weights == index.end() || !weights->is_object()) {
    return errorf(ErrorCode::model_file, "{}: weight_map is missing or not an object", path);
  }
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : weights->items()) {
    if (!shard.is_string() || !plain_file_name(shard.get_ref<const std::string&>())) {
      return errorf(ErrorCode::model_file,
                    "{}: tensor '{}' is said to be in {}, which is not the name of a .safetensors "
                    "file in this directory",
                    path, printable(tensor), printable(dump_json(shard)));
    }
    shards[tensor] = directory + "/" + shard.get<std::string>();
  }
  return shards;
}

Status add_indexed_shards(const std::string& directory, const FileAccess& access, Checkpoint& checkpoint) {
  LL_ASSIGN(const auto shard_of, read_index(directory));
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : shard_of) {
    if (shards.insert(shard).second) {
      LL_TRY(add_shard(shard, access, checkpoint));
    }
  }
  for (const auto& [name, shard] : shard_of) {
    const Tensor* tensor = checkpoint.find(name);
    if (tensor == nullptr || tensor->file != shard) {
      return errorf(ErrorCode::model_file, "{}/{}: tensor '{}' is said to be in {}, which lacks it", directory, kIndex,
                    printable(name), shard);
    }
  }
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (!shard_of.contains(name)) {
      return errorf(ErrorCode::model_file, "{}: tensor '{}' is not in the index {}", tensor.file, printable(name),
                    kIndex);
    }
  }
  return {};
}

}  // namespace

Result<Checkpoint> open_safetensors(const std::string& directory, const FileAccess& access) {
  const std::string config_path = directory + "/config.json";
  if (!exists(config_path)) {
    return errorf(ErrorCode::model_file, "{}: the directory has no config.json, so it is not a model", directory);
  }
  Checkpoint checkpoint;
  checkpoint.container = Container::safetensors;
  checkpoint.path = directory;
  LL_ASSIGN(const auto config, open_text(config_path));
  LL_ASSIGN(checkpoint.metadata, flatten_config(as_text(*config), config_path, checkpoint.strings));
  if (exists(directory + "/" + kSingle)) {
    LL_TRY(add_shard(directory + "/" + kSingle, access, checkpoint));
  } else if (exists(directory + "/" + kIndex)) {
    LL_TRY(add_indexed_shards(directory, access, checkpoint));
  } else {
    return errorf(ErrorCode::model_file, "{}: the directory has neither {} nor {}", directory, kSingle, kIndex);
  }
  if (const std::string path = directory + "/tokenizer.json"; exists(path)) {
    checkpoint.tokenizer_json_path = path;
  }
  LL_ASSIGN(checkpoint.chat, hf_chat_files(directory));
  return checkpoint;
}

}  // namespace llorch
