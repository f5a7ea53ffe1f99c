// What a model's files say about chat: its templates, and the texts that its templates know as bos_token and the like.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "checkpoint/metadata.h"

namespace llorch {

/// A chat template as it lies in the model: Jinja source, not parsed yet.
struct ChatTemplateSource {
  std::string name;  // "default", "tool_use", "rag"
  std::string text;
  std::string where;  // file (and key), for errors
};

struct ChatFiles {
  std::vector<ChatTemplateSource> templates;                     // no name twice
  std::vector<std::pair<std::string, std::string>> token_texts;  // "bos_token" -> "<s>"
  const ChatTemplateSource* find(std::string_view name) const;
  /// Unless there is one of this name.
  void add(std::string name, std::string text, std::string where);
};

/// tokenizer.chat_template, tokenizer.chat_template.NAME, and the texts of tokenizer.ggml.bos_token_id and its like.
Result<ChatFiles> gguf_chat_files(const Metadata& metadata);
/// chat_template.jinja, additional_chat_templates/NAME.jinja and tokenizer_config.json of a Hugging Face directory; a
/// file of its own counts before the config, as in transformers.
Result<ChatFiles> hf_chat_files(const std::string& directory);
/// "additional_chat_templates/NAME.jinja" of the files that are there, sorted; none where there is no such folder.
/// ErrorCode::model_file where it cannot be read.
Result<std::vector<std::string>> additional_templates(const std::string& directory);

}  // namespace llorch
