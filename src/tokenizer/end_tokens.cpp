// End-of-turn tokens. A Hugging Face directory spreads them over three files; a GGUF names one or two and leaves the
// rest to their texts.
#include "tokenizer/end_tokens.h"

#include <algorithm>
#include <filesystem>

#include "base/format.h"
#include "base/mmap.h"
#include "tokenizer/json_node.h"

namespace llorch {
namespace {

constexpr std::string_view kEndTexts[] = {
    "<|eot_id|>",    "<|im_end|>",      "<|end|>",       "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>",
    "</s>",          "<|eom_id|>",      "<EOT>",         "<|return|>",    "<|call|>",      "<end_of_utterance>",
    "<|end_of_turn|>", "<|eot|>",
};

/// A file of the directory, or nothing when there is none.
Result<std::shared_ptr<const MappedFile>> open_beside(const std::string& path, std::string_view name) {
  const std::filesystem::path file = std::filesystem::path(path).parent_path() / name;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    return std::shared_ptr<const MappedFile>();
  }
  return MappedFile::open(file.string());
}

Status add_id(const Pipeline& tokenizer, const std::string& where, std::int64_t id, std::vector<std::int32_t>& ids) {
  if (id < 0 || id >= tokenizer.vocab_size()) {
    return errorf(ErrorCode::model_file, "{}: eos_token_id is {}, outside the vocabulary of {} tokens", where, id,
                  tokenizer.vocab_size());
  }
  ids.push_back(static_cast<std::int32_t>(id));
  return {};
}

Status read_generation_config(const Pipeline& tokenizer, const std::string& path, std::vector<std::int32_t>& ids) {
  LL_ASSIGN(const auto file, open_beside(path, "generation_config.json"));
  if (!file) {
    return {};
  }
  LL_ASSIGN(const JsonDocument document, JsonDocument::parse(file->bytes(), file->path()));
  const JsonNode eos = document.root().get("eos_token_id");
  if (eos.is_array()) {
    LL_ASSIGN(const auto items, eos.items());
    for (const JsonNode& item : items) {
      LL_ASSIGN(const std::int64_t id, item.integer());
      LL_TRY(add_id(tokenizer, file->path(), id, ids));
    }
  } else if (!eos.is_null()) {
    LL_ASSIGN(const std::int64_t id, eos.integer());
    LL_TRY(add_id(tokenizer, file->path(), id, ids));
  }
  return {};
}

Status read_config(const Pipeline& tokenizer, const Metadata& config, std::vector<std::int32_t>& ids) {
  const MetaValue* value = config.find("eos_token_id");
  if (value == nullptr) {
    return {};
  }
  if (std::holds_alternative<MetaArray>(*value)) {
    LL_ASSIGN(const auto list, config.integers("eos_token_id"));
    for (const std::int64_t id : list) {
      LL_TRY(add_id(tokenizer, config.source(), id, ids));
    }
    return {};
  }
  LL_ASSIGN(const std::int64_t id, config.integer("eos_token_id"));
  return add_id(tokenizer, config.source(), id, ids);
}

/// The id of tokenizer_config.json's "eos_token" or "bos_token": a text, or an object with "content".
Result<std::optional<std::int32_t>> named_token(const Pipeline& tokenizer, const JsonNode& root, const char* key) {
  JsonNode node = root.get(key);
  if (node.is_object()) {
    node = node.get("content");
  }
  if (node.is_null()) {
    return std::optional<std::int32_t>();
  }
  LL_ASSIGN(const std::string_view text, node.string());
  const auto id = tokenizer.find(text);
  if (!id) {
    return node.error("'{}' is not a token of tokenizer.json", text);
  }
  return id;
}

}  // namespace

std::vector<std::int32_t> known_end_ids(const std::vector<AddedToken>& added) {
  const auto has = [&](std::string_view text) {
    return std::any_of(added.begin(), added.end(), [&](const AddedToken& t) { return t.special && t.content == text; });
  };
  // Harmony (gpt-oss): "<|end|>" ends a message of several in one answer.
  const bool harmony = has("<|return|>") && has("<|call|>");
  std::vector<std::int32_t> ids;
  for (const AddedToken& token : added) {
    const bool known = std::find(std::begin(kEndTexts), std::end(kEndTexts), token.content) != std::end(kEndTexts);
    if (token.special && known && !(harmony && token.content == "<|end|>")) {
      ids.push_back(token.id);
    }
  }
  return ids;
}

Status read_end_ids(Pipeline& tokenizer, const Metadata& config, const std::string& tokenizer_json_path) {
  std::vector<std::int32_t> ids;
  LL_TRY(read_generation_config(tokenizer, tokenizer_json_path, ids));
  LL_TRY(read_config(tokenizer, config, ids));
  LL_ASSIGN(const auto file, open_beside(tokenizer_json_path, "tokenizer_config.json"));
  if (file) {
    LL_ASSIGN(const JsonDocument document, JsonDocument::parse(file->bytes(), file->path()));
    LL_ASSIGN(const auto eos, named_token(tokenizer, document.root(), "eos_token"));
    LL_ASSIGN(const auto bos, named_token(tokenizer, document.root(), "bos_token"));
    if (eos) {
      ids.push_back(*eos);
    }
    if (bos) {
      tokenizer.set_bos_id(*bos);
    }
  }
  if (!ids.empty()) {
    tokenizer.set_end_ids(std::move(ids));
  }
  return {};
}

}  // namespace llorch
