// From the body's messages to what a template is rendered with: contents and tool calls in the forms that templates
// know.
#include "server/chat_request.h"

#include <fmt/format.h>

#include "base/json.h"

namespace llorch {
namespace {

using json = OrderedJson;

constexpr const char* kOtherFields[] = {"tools", "documents", "chat_template", "chat_template_kwargs",
                                        "add_generation_prompt"};

/// The texts of parts, or nothing with a fault: other kinds of parts are for models that see and hear.
std::optional<std::string> joined_parts(Fields& fields, const json& parts, const std::string& where) {
  std::string text;
  bool good = true;
  for (std::size_t i = 0; i < parts.size() && !fields.full(); ++i) {
    const json& part = parts[i];
    const std::string name = fmt::format("{}[{}]", where, i);
    const bool typed = part.is_object() && part.contains("type") && part["type"].is_string();
    if (!typed || part["type"] != "text" || !part.contains("text") || !part["text"].is_string()) {
      fields.fault(name, "type(text)", R"(must be {"type":"text","text":"..."}: this worker reads text alone)", &part);
      good = false;
      continue;
    }
    text += (i == 0 ? "" : "\n") + part["text"].get<std::string>();
  }
  return good ? std::optional(text) : std::nullopt;
}

void read_content(Fields& fields, json& message, const std::string& where, ChatTemplates::ContentForms forms) {
  const auto content = message.find("content");
  const bool calls = message.contains("tool_calls") && message["tool_calls"].is_array();
  if (content == message.end() || content->is_null()) {
    if (!calls) {
      fields.fault(where, "required", "is missing", nullptr);
    }
    return;
  }
  if (content->is_array()) {
    const auto text = joined_parts(fields, *content, where);
    if (text && !forms.parts) {
      *content = *text;
    }
  } else if (!content->is_string()) {
    fields.fault(where, "type(string,array)", "must be a text or a list of parts", &*content);
  } else if (!forms.text) {
    *content = json::array({{{"type", "text"}, {"text", *content}}});
  }
}

/// Clients send the arguments as JSON in a string; templates want the object.
void unpack_arguments(Fields& fields, json& message, const std::string& where) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || calls->is_null()) {
    return;
  }
  if (!calls->is_array()) {
    fields.fault(where, "type(array)", "must be a list of tool calls", &*calls);
    return;
  }
  for (json& call : *calls) {
    if (!call.is_object() || !call.contains("function") || !call["function"].is_object() ||
        !call["function"].contains("arguments") || !call["function"]["arguments"].is_string()) {
      continue;
    }
    json& arguments = call["function"]["arguments"];
    auto parsed = parse_ordered_json(arguments.get_ref<const std::string&>(), where);
    if (parsed.ok() && parsed->is_object()) {
      arguments = std::move(*parsed);
    }
  }
}

void read_message(Fields& fields, json& message, const std::string& where, ChatTemplates::ContentForms forms) {
  if (!message.is_object()) {
    fields.fault(where, "type(object)", "must be an object with role and content", &message);
    return;
  }
  const auto role = message.find("role");
  if (role == message.end() || role->is_null()) {
    fields.fault(where + ".role", "required", "is missing", nullptr);
  } else {
    fields.is_text(where + ".role", *role, 1, std::string::npos);
  }
  read_content(fields, message, where + ".content", forms);
  unpack_arguments(fields, message, where + ".tool_calls");
}

std::string read_messages(Fields& fields, ChatTemplates::ContentForms forms) {
  const json* given = fields.find("messages");
  if (given == nullptr) {
    fields.fault("messages", "required", "is missing", nullptr);
  } else if (!given->is_array()) {
    fields.fault("messages", "type(array)", "must be a list of messages", given);
  } else if (given->empty()) {
    fields.fault("messages", "min_length(1)", "must hold a message", given);
  } else {
    json messages = *given;
    for (std::size_t i = 0; i < messages.size() && !fields.full(); ++i) {
      read_message(fields, messages[i], fmt::format("messages[{}]", i), forms);
    }
    return dump_json(messages);
  }
  return "[]";
}

/// A list of objects as JSON; "" where it is absent or, as transformers and its peers take it, empty.
std::string read_list(Fields& fields, const char* name) {
  const json* value = fields.find(name);
  if (value == nullptr) {
    return "";
  }
  if (!value->is_array()) {
    fields.fault(name, "type(array)", "must be a list of objects", value);
    return "";
  }
  for (std::size_t i = 0; i < value->size() && !fields.full(); ++i) {
    if (!(*value)[i].is_object()) {
      fields.fault(fmt::format("{}[{}]", name, i), "type(object)", "must be an object", &(*value)[i]);
    }
  }
  return value->empty() ? "" : dump_json(*value);
}

/// The template's own variables as JSON.
std::string read_variables(Fields& fields, const json& variables) {
  if (!variables.is_object()) {
    fields.fault("chat_template_kwargs", "type(object)", "must be an object", &variables);
    return "";
  }
  for (const auto& [name, value] : variables.items()) {
    if (is_chat_variable(name)) {
      fields.fault("chat_template_kwargs." + name, "other_name", "is a name that the worker gives a value", &value);
    }
  }
  return dump_json(variables);
}

}  // namespace

ChatInput read_chat(Fields& fields, ChatTemplates::ContentForms forms) {
  ChatInput input;
  input.messages = read_messages(fields, forms);
  input.tools = read_list(fields, "tools");
  input.documents = read_list(fields, "documents");
  fields.boolean("add_generation_prompt", input.add_generation_prompt);
  if (const json* name = fields.find("chat_template");
      name != nullptr && fields.is_text("chat_template", *name, 1, 128)) {
    input.template_name = name->get<std::string>();
  }
  if (const json* variables = fields.find("chat_template_kwargs"); variables != nullptr) {
    input.variables = read_variables(fields, *variables);
  }
  return input;
}

std::string field_to_blame(const ChatTemplates& chat, const ChatInput& input) {
  return chat.has(input.template_name) ? "messages" : "chat_template";
}

void refuse_chat_fields(Fields& fields) {
  for (const char* name : kOtherFields) {
    if (const json* value = fields.find(name); value != nullptr) {
      fields.fault(name, "requires(messages)", "means something with messages alone", value);
    }
  }
}

}  // namespace llorch
