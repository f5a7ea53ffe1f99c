// Chat templates: messages -> the prompt that the model was trained on. The rendered text remembers of every byte
// whether the template or a user wrote it (jinja/text.h), and only the template's may become control tokens: a user's
// "<|im_end|>" stays ten characters, in whatever field and in however many pieces it comes.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "checkpoint/chat_files.h"
#include "jinja/failure.h"
#include "jinja/text.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

namespace jinja {
class Template;
class Variables;
}  // namespace jinja

/// The simplest message; the general one is JSON.
struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};
/// [{"role": ..., "content": ...}, ...]
std::string to_json(const std::vector<ChatMessage>& messages);

/// What a template is rendered with. JSON texts are from outside: what is wrong with them is an error, never a crash.
struct ChatInput {
  std::string messages;               // JSON array of objects
  std::string tools;                  // JSON array; empty: none
  std::string documents;              // JSON array; empty: none
  std::string variables;              // JSON object of more variables ("enable_thinking"); empty: none
  bool add_generation_prompt = true;  // opens the assistant's turn
  std::string template_name;          // empty: "tool_use" when there are tools and the model has it, else "default"
};

class ChatTemplates {
 public:
  ChatTemplates() = default;
  /// Parses the templates of a model. One that cannot be parsed is no error before it is used; see problems().
  explicit ChatTemplates(const ChatFiles& files);
  /// The template in a file that a user names in place of the model's; an error when it cannot be parsed.
  static Result<ChatFiles> read_file(const std::string& path);

  bool empty() const { return templates_.empty(); }
  /// True when messages without tools can be rendered.
  bool usable() const;
  /// What is wrong with templates that cannot be used, one sentence each.
  std::vector<std::string> problems() const;

  /// The rendered text. Failures: of the template (line and column in it), or FailureKind::value about the input.
  std::variant<jinja::Text, jinja::Failure> render(const ChatInput& input, std::chrono::local_seconds now) const;
  /// The same for a case of test data: {"messages", "tools", "documents", "add_generation_prompt", "extra"}, all of
  /// them optional; other members are ignored.
  std::variant<jinja::Text, jinja::Failure> render_case(std::string_view json, const std::string& template_name,
                                                        std::chrono::local_seconds now) const;
  /// The same as tokens, in one step. A model without a usable template is ErrorCode::unsupported, and the message ends
  /// with "send plain text instead": callers append how that is done with them. What a template says against the input
  /// is ErrorCode::invalid_argument.
  Result<std::vector<std::int32_t>> encode(const Tokenizer& tokenizer, const ChatInput& input,
                                           std::chrono::local_seconds now) const;

  /// False when a name was given that none of the templates has; true when there are none at all.
  bool has(std::string_view template_name) const {
    return template_name.empty() || templates_.empty() || templates_.contains(template_name);
  }

  /// How messages[i].content may look: a text, a list of parts ({"type": "text", "text": ...}), or both. Found out by
  /// rendering one of each.
  struct ContentForms {
    bool text = true;
    bool parts = false;
  };
  ContentForms content_forms() const { return forms_; }

 private:
  using Parsed = std::variant<std::shared_ptr<const jinja::Template>, jinja::Failure>;
  struct Entry {
    Parsed parsed;
    std::string where;
  };
  const Entry* choose(std::string_view name, bool has_tools) const;
  std::variant<jinja::Text, jinja::Failure> render_with(const Entry* entry, std::string_view name,
                                                        const Result<jinja::Variables>& variables,
                                                        std::chrono::local_seconds now) const;
  Result<jinja::Variables> variables_of_case(std::string_view json) const;
  Result<jinja::Variables> variables_for(const ChatInput& input) const;
  bool renders(const std::string& content) const;

  std::map<std::string, Entry, std::less<>> templates_;
  std::vector<std::pair<std::string, std::string>> token_texts_;
  ContentForms forms_;
};

/// Whether the worker gives templates a variable of this name: messages, tools, documents, add_generation_prompt.
bool is_chat_variable(std::string_view name);
/// The wall clock as local time: what strftime_now sees.
std::chrono::local_seconds local_now();
/// Ids of a rendered text.
std::vector<std::int32_t> encode_rendered(const Tokenizer& tokenizer, const jinja::Text& text);
/// A failure as one sentence, with its place in `where` when there is one.
std::string describe(const jinja::Failure& failure, std::string_view where);

}  // namespace llorch
