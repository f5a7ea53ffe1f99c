// End-of-turn tokens. A Hugging Face directory spreads them over three files; a GGUF names one or two and leaves the
// rest to their texts.
#include "tokenizer/end_tokens.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/json.h"
#include "base/mmap.h"

namespace llorch {
namespace {

constexpr std::string_view kEndTexts[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<eos>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_utterance>",
    "<|end_of_turn|>",
    "<|eot|>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
};

struct ConfigFile {
  std::string path;
  nlohmann::json root;  // null: there is no such file
};

Result<ConfigFile> read_beside(const std::string& tokenizer_json_path, std::string_view name) {
  const std::filesystem::path path = std::filesystem::path(tokenizer_json_path).parent_path() / name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return ConfigFile{path.string(), nullptr};
  }
  LL_ASSIGN(const auto file, MappedFile::open(path.string()));
  const auto bytes = file->bytes();
  auto root = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file->path());
  if (!root.ok()) {
    return Error{ErrorCode::model_file, root.error().message};
  }
  return ConfigFile{file->path(), std::move(root).value()};
}

/// An ID that no token has ends nothing: files of small models keep those of large ones.
void add_id(Pipeline& tokenizer, const std::string& where, std::int64_t id, std::vector<std::int32_t>& ids) {
  if (id < 0 || id >= tokenizer.vocab_size()) {
    tokenizer.warn(fmt::format("{}: eos_token_id {} is outside the vocabulary of {} tokens and ends nothing", where, id,
                               tokenizer.vocab_size()));
    return;
  }
  ids.push_back(static_cast<std::int32_t>(id));
}

Status read_generation_config(Pipeline& tokenizer, const std::string& path, std::vector<std::int32_t>& ids) {
  LL_ASSIGN(const ConfigFile file, read_beside(path, "generation_config.json"));
  if (!file.root.is_object() || !file.root.contains("eos_token_id") || file.root["eos_token_id"].is_null()) {
    return {};
  }
  const nlohmann::json& eos = file.root["eos_token_id"];
  for (const nlohmann::json& id : eos.is_array() ? eos : nlohmann::json::array({eos})) {
    if (!id.is_number_integer()) {
      return errorf(ErrorCode::model_file, "{}: eos_token_id is {}, an integer or a list of them is needed", file.path,
                    dump_json(id));
    }
    add_id(tokenizer, file.path, id.get<std::int64_t>(), ids);
  }
  return {};
}

Status read_config(Pipeline& tokenizer, const Metadata& config, std::vector<std::int32_t>& ids) {
  const MetaValue* value = config.find("eos_token_id");
  if (value == nullptr) {
    return {};
  }
  if (std::holds_alternative<MetaArray>(*value)) {
    LL_ASSIGN(const auto list, config.integers("eos_token_id"));
    for (const std::int64_t id : list) {
      add_id(tokenizer, config.source(), id, ids);
    }
    return {};
  }
  LL_ASSIGN(const std::int64_t id, config.integer("eos_token_id"));
  add_id(tokenizer, config.source(), id, ids);
  return {};
}

/// The id of tokenizer_config.json's "eos_token" or "bos_token": a text, or an object with "content".
Result<std::optional<std::int32_t>> named_token(Pipeline& tokenizer, const ConfigFile& file, const char* key) {
  if (!file.root.is_object() || !file.root.contains(key) || file.root[key].is_null()) {
    return std::optional<std::int32_t>();
  }
  const nlohmann::json& value = file.root[key];
  const nlohmann::json text = value.is_object() ? value.value("content", nlohmann::json()) : value;
  if (!text.is_string()) {
    return errorf(ErrorCode::model_file, "{}: {} is no text", file.path, key);
  }
  const auto id = tokenizer.find(text.get<std::string>());
  if (!id) {
    tokenizer.warn(fmt::format("{}: {} is {}, which is not a token of tokenizer.json and is left out", file.path, key,
                               dump_json(text)));
  }
  return id;
}

}  // namespace

std::vector<std::int32_t> known_end_ids(const std::vector<AddedToken>& added) {
  const auto has = [&](std::string_view text) {
    return std::any_of(added.begin(), added.end(), [&](const AddedToken& t) { return t.special && t.content == text; });
  };
  // Harmony (gpt-oss) and those like it: "<|end|>" ends a message of several in one answer.
  const bool harmony = (has("<|return|>") && has("<|call|>")) || (has("<|calls|>") && has("<|flush|>"));
  const bool gemma4 = has("<|tool_response>");  // "</s>" is HTML there
  std::vector<std::int32_t> ids;
  for (const AddedToken& token : added) {
    const bool known = std::find(std::begin(kEndTexts), std::end(kEndTexts), token.content) != std::end(kEndTexts);
    const bool within = (harmony && token.content == "<|end|>") || (gemma4 && token.content == "</s>");
    if (token.special && known && !within) {
      ids.push_back(token.id);
    }
  }
  return ids;
}

Status read_end_ids(Pipeline& tokenizer, const Metadata& config, const std::string& tokenizer_json_path) {
  std::vector<std::int32_t> ids;
  LL_TRY(read_generation_config(tokenizer, tokenizer_json_path, ids));
  LL_TRY(read_config(tokenizer, config, ids));
  LL_ASSIGN(const ConfigFile file, read_beside(tokenizer_json_path, "tokenizer_config.json"));
  LL_ASSIGN(const auto eos, named_token(tokenizer, file, "eos_token"));
  LL_ASSIGN(const auto bos, named_token(tokenizer, file, "bos_token"));
  if (eos) {
    ids.push_back(*eos);
  }
  if (bos) {
    tokenizer.set_bos_id(*bos);
  }
  if (!ids.empty()) {
    tokenizer.set_end_ids(std::move(ids));
  }
  return {};
}

}  // namespace llorch
