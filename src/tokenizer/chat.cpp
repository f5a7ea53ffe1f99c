// The embedded model's template, recognised by its text. Control tokens are put in by id, contents are encoded as plain
// text: a user's "<|end|>" stays seven characters.
#include "tokenizer/chat.h"

#include "base/format.h"
#include "base/utf8.h"

namespace llorch {
namespace {

constexpr std::string_view kHaikuTemplate =
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

constexpr std::size_t kQuoted = 60;  // bytes of a template that an error shows

std::string quote(std::string_view text) {
  std::string line = repair_utf8(text.substr(0, kQuoted));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) {
      c = ' ';
    }
  }
  return text.size() > kQuoted ? line + "..." : line;
}

Result<std::int32_t> control_token(const Tokenizer& tokenizer, const std::string& text) {
  const auto id = tokenizer.find(text);
  if (!id || !tokenizer.is_special(*id)) {
    return errorf(ErrorCode::model_file, "the chat template needs the control token '{}', which the vocabulary lacks",
                  text);
  }
  return *id;
}

Result<std::int32_t> role_token(const Tokenizer& tokenizer, const std::string& role) {
  if (role != "system" && role != "user" && role != "assistant") {
    return errorf(ErrorCode::invalid_argument,
                  "the role '{}' is unknown to the chat template (known are system, user, assistant)", quote(role));
  }
  return control_token(tokenizer, "<|" + role + "|>");
}

}  // namespace

bool chat_supported(std::string_view chat_template) {
  return chat_template == kHaikuTemplate;
}

Result<std::vector<std::int32_t>> encode_chat(const Tokenizer& tokenizer, std::string_view chat_template,
                                              const std::vector<ChatMessage>& messages) {
  if (chat_template.empty()) {
    return errorf(ErrorCode::unsupported, "this model has no chat template; send plain text instead");
  }
  if (!chat_supported(chat_template)) {
    return errorf(ErrorCode::unsupported, "the chat template '{}' is not supported yet; send plain text instead",
                  quote(chat_template));
  }
  LL_ASSIGN(const std::int32_t end, control_token(tokenizer, "<|end|>"));
  LL_ASSIGN(const std::int32_t assistant, control_token(tokenizer, "<|assistant|>"));
  std::vector<std::int32_t> ids;
  for (const ChatMessage& message : messages) {
    LL_ASSIGN(const std::int32_t role, role_token(tokenizer, message.role));
    const std::vector<std::int32_t> content = tokenizer.encode(message.content, {});
    ids.push_back(role);
    ids.insert(ids.end(), content.begin(), content.end());
    ids.push_back(end);
  }
  ids.push_back(assistant);
  return ids;
}

}  // namespace llorch
