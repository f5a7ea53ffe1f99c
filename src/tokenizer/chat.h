// Chat templates: messages -> the prompt that the model was trained on, as segments that keep text from users apart
// from text of the template, so that a user's "<|end|>" can never become a control token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

/// True when messages can be rendered for this template (today: the embedded model's own).
bool chat_supported(std::string_view chat_template);

/// Ids of the conversation with the assistant's turn opened. A template that is absent or not supported is
/// ErrorCode::unsupported, and the message ends with "send plain text instead": callers append how that is done with
/// them. A role that it does not know is ErrorCode::invalid_argument.
Result<std::vector<std::int32_t>> encode_chat(const Tokenizer& tokenizer, std::string_view chat_template,
                                              const std::vector<ChatMessage>& messages);

}  // namespace llorch
