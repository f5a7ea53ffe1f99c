// The fields of a request that its chat template is rendered with: messages and what goes with them, as the OpenAI API
// spells it.
#pragma once

#include <optional>

#include "server/fields.h"
#include "tokenizer/chat.h"

namespace llorch {

/// The field that is at fault when messages cannot be rendered.
std::string field_to_blame(const ChatTemplates& chat, const ChatInput& input);

/// Reads messages (required), tools, documents, chat_template (a name), chat_template_kwargs and
/// add_generation_prompt. Messages are brought into the form that templates expect: contents in a form that the model's
/// template knows, arguments of tool calls as objects. Faults go to `fields`.
ChatInput read_chat(Fields& fields, ChatTemplates::ContentForms forms);
/// Faults for each of these fields but messages: they mean nothing without.
void refuse_chat_fields(Fields& fields);

}  // namespace llorch
