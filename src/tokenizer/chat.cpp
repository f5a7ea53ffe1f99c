// Between the server or the command line and jinja/: variables from a request, choice of a template, ids of what it
// printed.
#include "tokenizer/chat.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/json.h"
#include "base/mmap.h"
#include "jinja/json_text.h"
#include "jinja/ops.h"
#include "jinja/template.h"

namespace llorch {
namespace {

using jinja::Failure;
using jinja::FailureKind;
using jinja::Kind;
using jinja::Origin;
using jinja::Value;

/// Templates put the role into markers ('<|' + role + '|>'), so the roles that APIs know are as good as the template's
/// own words. Any other role is a user's text.
constexpr std::string_view kRoles[] = {"system",   "user",        "assistant", "tool",  "developer",
                                       "function", "observation", "ipython",   "model", "tool_response"};

/// Names that are not for chat_template_kwargs.
constexpr std::string_view kOwnNames[] = {"messages", "tools", "documents", "add_generation_prompt"};

void trust_known_roles(const Value& messages, jinja::Heap& heap) {
  for (const Value& message : messages.items()) {
    if (!message.is(Kind::dict)) {
      continue;
    }
    auto& fields = message.as<jinja::DictObject>();
    const Value* role = fields.get("role");
    if (role == nullptr || !role->is(Kind::string)) {
      continue;
    }
    const auto* known = std::find(std::begin(kRoles), std::end(kRoles), role->text().view());
    if (known != std::end(kRoles)) {
      const std::size_t i = fields.find("role");
      fields.entries[i].second =
          Value(Kind::string, new jinja::StringObject(heap, jinja::Text(std::string(*known), Origin::author)));
    }
  }
}

}  // namespace

std::string to_json(const std::vector<ChatMessage>& messages) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ChatMessage& message : messages) {
    list.push_back({{"role", message.role}, {"content", message.content}});
  }
  return dump_json(list);
}

std::string describe(const Failure& failure, std::string_view where) {
  const std::string place = failure.line > 0 ? fmt::format(", line {}, column {}", failure.line, failure.column) : "";
  switch (failure.kind) {
    case FailureKind::raised:
      return fmt::format("the chat template refuses these messages: {}", failure.message);
    case FailureKind::budget:
      return fmt::format("the chat template goes over its limits ({}{}): {}", where, place, failure.message);
    default:
      if (failure.line == 0) {  // of the input: the template was not begun
        return failure.message;
      }
      return fmt::format("the chat template fails ({}{}): {}", where, place, failure.message);
  }
}

bool is_chat_variable(std::string_view name) {
  return std::find(std::begin(kOwnNames), std::end(kOwnNames), name) != std::end(kOwnNames);
}

std::chrono::local_seconds local_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  return std::chrono::local_seconds(std::chrono::seconds(::timegm(&parts)));
}

std::vector<std::int32_t> encode_rendered(const Tokenizer& tokenizer, const jinja::Text& text) {
  std::vector<TextSegment> segments;
  text.each_run([&](std::string_view run, Origin origin) { segments.push_back({run, origin == Origin::author}); });
  return tokenizer.encode_segments(segments, {});
}

ChatTemplates::ChatTemplates(const ChatFiles& files) : token_texts_(files.token_texts) {
  for (const ChatTemplateSource& source : files.templates) {
    auto parsed = jinja::Template::parse(source.text);
    Entry entry{Failure{}, source.where};
    if (auto* failure = std::get_if<Failure>(&parsed)) {
      entry.parsed = std::move(*failure);
    } else {
      entry.parsed = std::make_shared<const jinja::Template>(std::move(std::get<jinja::Template>(parsed)));
    }
    templates_.emplace(source.name, std::move(entry));
  }
  if (usable()) {
    const bool text = renders(R"("llorch probe")");
    forms_ = {.text = true, .parts = renders(R"([{"type":"text","text":"llorch probe"}])")};
    forms_.text = text || !forms_.parts;
  }
}

/// True when a user's message with this content comes out as its text alone, not as JSON or a list of Python.
bool ChatTemplates::renders(const std::string& content) const {
  ChatInput input;
  input.messages = R"([{"role":"user","content":)" + content + "}]";
  const auto rendered = render(input, std::chrono::local_seconds(std::chrono::seconds(0)));
  const auto* text = std::get_if<jinja::Text>(&rendered);
  return text != nullptr && text->view().find("llorch probe") != std::string_view::npos &&
         text->view().find("'type': 'text'") == std::string_view::npos &&
         text->view().find(R"("type": "text")") == std::string_view::npos;
}

Result<ChatFiles> ChatTemplates::read_file(const std::string& path) {
  LL_ASSIGN(const auto file, MappedFile::open(path));
  ChatFiles files;
  files.templates.push_back(
      {"default", std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()), path});
  const ChatTemplates parsed(files);
  for (const std::string& problem : parsed.problems()) {
    return Error{ErrorCode::model_file, problem};
  }
  return files;
}

bool ChatTemplates::usable() const {
  const Entry* entry = choose({}, false);
  return entry != nullptr && !std::holds_alternative<Failure>(entry->parsed);
}

std::vector<std::string> ChatTemplates::problems() const {
  std::vector<std::string> all;
  for (const auto& [name, entry] : templates_) {
    if (const auto* failure = std::get_if<Failure>(&entry.parsed)) {
      all.push_back(fmt::format("{}, line {}, column {}: the chat template '{}' cannot be used: {}", entry.where,
                                failure->line, failure->column, name, failure->message));
    }
  }
  return all;
}

const ChatTemplates::Entry* ChatTemplates::choose(std::string_view name, bool has_tools) const {
  const auto find = [&](std::string_view wanted) {
    const auto found = templates_.find(wanted);
    return found == templates_.end() ? nullptr : &found->second;
  };
  if (!name.empty()) {
    return find(name);
  }
  const Entry* for_tools = has_tools ? find("tool_use") : nullptr;
  return for_tools != nullptr ? for_tools : find("default");
}

Result<jinja::Variables> ChatTemplates::variables_for(const ChatInput& input) const {
  jinja::Variables variables;
  for (const auto& [name, text] : token_texts_) {
    variables.set(name, text, Origin::author);
  }
  if (!input.variables.empty()) {
    LL_TRY(variables.set_members(input.variables, "chat_template_kwargs", kOwnNames));
  }
  for (const auto& [name, json] : {std::pair{"tools", &input.tools}, std::pair{"documents", &input.documents}}) {
    if (json->empty()) {
      variables.set_none(name);
    } else {
      LL_TRY(variables.set_json(name, *json));
    }
  }
  LL_TRY(variables.set_json("messages", input.messages));
  const Value& messages = *variables.find("messages");
  if (!messages.is(Kind::list)) {
    return Error{ErrorCode::invalid_argument, "messages: must be a list"};
  }
  trust_known_roles(messages, variables.heap());
  variables.set("add_generation_prompt", input.add_generation_prompt);
  return variables;
}

Result<jinja::Variables> ChatTemplates::variables_of_case(std::string_view json) const {
  jinja::Variables variables;
  for (const auto& [name, text] : token_texts_) {
    variables.set(name, text, Origin::author);
  }
  LL_ASSIGN(const Value all, jinja::from_json(variables.heap(), json, Origin::input, "case"));
  if (!all.is(Kind::dict)) {
    return Error{ErrorCode::invalid_argument, "case: must be an object"};
  }
  const auto& members = all.as<jinja::DictObject>();
  for (const char* name : {"messages", "tools", "documents"}) {
    const Value* given = members.get(name);
    variables.set(name, given != nullptr ? *given : Value::none());
  }
  const Value* prompt = members.get("add_generation_prompt");
  variables.set("add_generation_prompt", prompt == nullptr || truthy(*prompt));
  if (const Value* extra = members.get("extra"); extra != nullptr && extra->is(Kind::dict)) {
    for (const auto& [key, value] : extra->as<jinja::DictObject>().entries) {
      variables.set(key.text().view(), value);
    }
  }
  if (const Value* messages = variables.find("messages"); messages->is(Kind::list)) {
    trust_known_roles(*messages, variables.heap());
  }
  return variables;
}

std::variant<jinja::Text, Failure> ChatTemplates::render(const ChatInput& input, std::chrono::local_seconds now) const {
  return render_with(choose(input.template_name, !input.tools.empty()), input.template_name, variables_for(input), now);
}

std::variant<jinja::Text, Failure> ChatTemplates::render_case(std::string_view json, const std::string& template_name,
                                                              std::chrono::local_seconds now) const {
  const auto variables = variables_of_case(json);
  const bool has_tools = variables.ok() && !variables->find("tools")->is(Kind::none);
  return render_with(choose(template_name, has_tools), template_name, variables, now);
}

std::variant<jinja::Text, Failure> ChatTemplates::render_with(const Entry* entry, std::string_view name,
                                                              const Result<jinja::Variables>& variables,
                                                              std::chrono::local_seconds now) const {
  if (entry == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& [known, other] : templates_) {
      names.push_back(known);
    }
    return Failure{FailureKind::value,
                   fmt::format("there is no chat template '{}' (there are: {})", name.empty() ? "default" : name,
                               names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))};
  }
  if (const auto* failure = std::get_if<Failure>(&entry->parsed)) {
    return *failure;
  }
  if (!variables.ok()) {
    return Failure{FailureKind::value, variables.error().message};
  }
  const auto& parsed = std::get<std::shared_ptr<const jinja::Template>>(entry->parsed);
  return parsed->render(*variables, jinja::limits_for(variables->bytes()), now);
}

Result<std::vector<std::int32_t>> ChatTemplates::encode(const Tokenizer& tokenizer, const ChatInput& input,
                                                        std::chrono::local_seconds now) const {
  if (empty()) {
    return errorf(ErrorCode::unsupported, "this model has no chat template; send plain text instead");
  }
  const Entry* entry = choose(input.template_name, !input.tools.empty());
  const auto rendered = render_with(entry, input.template_name, variables_for(input), now);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    const bool broken = entry != nullptr && std::holds_alternative<Failure>(entry->parsed);
    std::string message = describe(*failure, entry == nullptr ? "" : entry->where);
    if (broken) {
      return Error{ErrorCode::unsupported, message + "; send plain text instead"};
    }
    return Error{ErrorCode::invalid_argument, message};
  }
  return encode_rendered(tokenizer, std::get<jinja::Text>(rendered));
}

}  // namespace llorch
