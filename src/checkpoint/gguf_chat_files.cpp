// The chat templates and the texts of special tokens in a GGUF.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/format.h"
#include "checkpoint/chat_files.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

constexpr std::string_view kGgufTemplate = "tokenizer.chat_template";

/// Key of an id -> what templates call the token's text.
constexpr std::pair<const char*, const char*> kGgufTokens[] = {
    {"tokenizer.ggml.bos_token_id", "bos_token"},     {"tokenizer.ggml.eos_token_id", "eos_token"},
    {"tokenizer.ggml.unknown_token_id", "unk_token"}, {"tokenizer.ggml.seperator_token_id", "sep_token"},
    {"tokenizer.ggml.padding_token_id", "pad_token"}, {"tokenizer.ggml.cls_token_id", "cls_token"},
    {"tokenizer.ggml.mask_token_id", "mask_token"},
};

}  // namespace

const ChatTemplateSource* ChatFiles::find(std::string_view name) const {
  const auto found = std::find_if(templates.begin(), templates.end(), [&](const auto& t) { return t.name == name; });
  return found == templates.end() ? nullptr : &*found;
}

void ChatFiles::add(std::string name, std::string text, std::string where) {
  if (find(name) == nullptr) {
    templates.push_back({std::move(name), std::move(text), std::move(where)});
  }
}

Result<ChatFiles> gguf_chat_files(const Metadata& metadata) {
  ChatFiles files;
  for (const auto& [key, value] : metadata.all()) {
    if (key != kGgufTemplate && !key.starts_with(std::string(kGgufTemplate) + ".")) {
      continue;
    }
    LL_ASSIGN(std::string text, metadata.string(key));
    const std::string name = key == kGgufTemplate ? "default" : key.substr(kGgufTemplate.size() + 1);
    if (!text.empty()) {
      files.add(name, std::move(text), fmt::format("{}: {}", metadata.source(), printable(key)));
    }
  }
  if (!metadata.has("tokenizer.ggml.tokens")) {
    return files;
  }
  LL_ASSIGN(const auto tokens, metadata.strings("tokenizer.ggml.tokens"));
  for (const auto& [key, name] : kGgufTokens) {
    if (metadata.has(key)) {
      LL_ASSIGN(const std::int64_t id, metadata.integer(key));
      if (id >= 0 && id < static_cast<std::int64_t>(tokens.size())) {
        files.token_texts.emplace_back(name, tokens[static_cast<std::size_t>(id)]);
      }
    }
  }
  return files;
}

}  // namespace llorch
