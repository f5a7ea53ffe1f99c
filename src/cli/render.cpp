// llorch render: messages -> the prompt that a chat template makes of them, and its ids. For people who want to see
// what a model is given, and for comparison with other renderers (--jsonl).
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/format.h"
#include "base/json.h"
#include "cli/options.h"
#include "tokenizer/chat.h"

namespace llorch::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RenderArgs {
  std::string model;
  std::string text;
  std::string system;
  std::string messages_file;
  std::string tools_file;
  std::string template_file;
  std::string name;
  std::string now;
  bool no_prompt = false;
  bool jsonl = false;
  bool as_json = false;
  CLI::Option* text_given = nullptr;
};

/// Templates, and the tokenizer where there is one.
struct Source {
  ModelFiles files;
  std::unique_ptr<Tokenizer> tokenizer;
  ChatFiles chat;
  ChatTemplates templates;
};

bool is_directory_without_model(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path folder(path);
  return std::filesystem::is_directory(folder, ignored) && !std::filesystem::exists(folder / "config.json", ignored);
}

/// A model (file, directory, builtin:haiku), a directory with a tokenizer alone, or a template's file.
Result<Source> open_source(const RenderArgs& args) {
  Source source;
  if (is_directory_without_model(args.model)) {
    LL_ASSIGN(source.chat, hf_chat_files(args.model));
    std::error_code ignored;
    if (const std::string path = args.model + "/tokenizer.json"; std::filesystem::exists(path, ignored)) {
      LL_ASSIGN(source.tokenizer, load_tokenizer_json(path));
    }
  } else if (args.model.ends_with(".jinja") || args.model.ends_with(".j2") || args.model.ends_with(".txt")) {
    LL_ASSIGN(std::string text, read_file(args.model));
    source.chat.templates.push_back({"default", std::move(text), args.model});
  } else {
    LL_ASSIGN(source.files, open_model(args.model));
    LL_ASSIGN(source.tokenizer, make_tokenizer(*source.files.checkpoint));
    source.chat = source.files.checkpoint->chat;
  }
  if (!args.template_file.empty()) {
    LL_ASSIGN(ChatFiles file, ChatTemplates::read_file(args.template_file));
    source.chat.templates = std::move(file.templates);
  }
  source.templates = ChatTemplates(source.chat);
  return source;
}

/// "2026-01-15T12:34:56"
Result<std::chrono::local_seconds> parse_time(const std::string& text) {
  if (text.empty()) {
    return local_now();
  }
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  const int fields =
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const bool in_day = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
  if (fields != 6 || static_cast<std::size_t>(used) != text.size() || !date.ok() || year < 1 || !in_day) {
    return errorf(ErrorCode::invalid_argument, "--now is '{}', not a time like 2026-01-15T12:34:56", text);
  }
  return std::chrono::local_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

/// The text of a member, "" where it is absent or null.
std::string member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? "" : dump_json(*found);
}

/// A list of tools as JSON; "" where it is absent or, as the server takes it, empty.
Result<std::string> tools_of(const Json& tools, const std::string& where) {
  if (tools.is_null() || (tools.is_array() && tools.empty())) {
    return std::string();
  }
  if (!tools.is_array()) {
    return errorf(ErrorCode::invalid_argument, "{}: tools must be a list", where);
  }
  return dump_json(tools);
}

/// {"messages", "tools", "documents", "add_generation_prompt", "extra"}, or a request of the server with
/// "chat_template" and "chat_template_kwargs"; other keys are for others.
Result<ChatInput> input_of(const Json& line) {
  ChatInput input;
  input.messages = line.contains("messages") ? member(line, "messages") : "[]";
  LL_ASSIGN(input.tools, tools_of(line.contains("tools") ? line["tools"] : Json(), "messages"));
  input.documents = member(line, "documents");
  input.variables = member(line, line.contains("chat_template_kwargs") ? "chat_template_kwargs" : "extra");
  if (const auto found = line.find("chat_template"); found != line.end() && found->is_string()) {
    input.template_name = found->get<std::string>();
  }
  if (const auto found = line.find("add_generation_prompt"); found != line.end()) {
    if (!found->is_boolean()) {
      return Error{ErrorCode::invalid_argument, "add_generation_prompt must be true or false"};
    }
    input.add_generation_prompt = found->get<bool>();
  }
  return input;
}

const char* kind_name(jinja::FailureKind kind) {
  switch (kind) {
    case jinja::FailureKind::raised:
      return "TemplateError";
    case jinja::FailureKind::syntax:
      return "TemplateSyntaxError";
    case jinja::FailureKind::undefined:
      return "UndefinedError";
    case jinja::FailureKind::type:
      return "TypeError";
    case jinja::FailureKind::security:
      return "SecurityError";
    case jinja::FailureKind::budget:
      return "BudgetError";
    default:
      return "ValueError";
  }
}

Json failure_json(const jinja::Failure& failure) {
  Json json = {{"error", failure.message}, {"error_type", kind_name(failure.kind)}};
  if (failure.line > 0) {
    json["line"] = failure.line;
    json["column"] = failure.column;
  }
  return json;
}

Json rendered_json(const Source& source, const jinja::Text& text) {
  Json json = {{"rendered", std::string(text.view())}};
  if (source.tokenizer != nullptr) {
    json["ids"] = encode_rendered(*source.tokenizer, text);
  }
  return json;
}

/// One line of --jsonl. A line may bring a "template" of its own.
Json render_line(const Source& source, const std::string& name, const std::string& line,
                 std::chrono::local_seconds now) {
  std::optional<ChatTemplates> own;
  if (const auto parsed = parse_ordered_json(line, "case"); parsed.ok() && parsed->is_object()) {
    if (const auto found = parsed->find("template"); found != parsed->end() && found->is_string()) {
      ChatFiles files = source.chat;
      files.templates = {{"default", found->get<std::string>(), "template"}};
      own.emplace(files);
    }
  }
  const auto rendered = own ? own->render_case(line, "", now) : source.templates.render_case(line, name, now);
  if (const auto* failure = std::get_if<jinja::Failure>(&rendered)) {
    return failure_json(*failure);
  }
  return rendered_json(source, std::get<jinja::Text>(rendered));
}

/// Messages from the command line, a file, or standard input: a list, or an object as in --jsonl.
Result<ChatInput> read_input(const RenderArgs& args) {
  ChatInput input;
  if (args.text_given->count() > 0) {
    std::vector<ChatMessage> messages;
    if (!args.system.empty()) {
      messages.push_back({"system", args.system});
    }
    messages.push_back({"user", args.text});
    input.messages = to_json(messages);
  } else {
    std::string json;
    if (args.messages_file.empty()) {
      LL_ASSIGN(json, read_stdin());
    } else {
      LL_ASSIGN(json, read_file(args.messages_file));
    }
    const std::string what = args.messages_file.empty() ? "standard input" : args.messages_file;
    LL_ASSIGN(const Json parsed, parse_ordered_json(json, what));
    if (parsed.is_array()) {
      input.messages = json;
    } else if (parsed.is_object() && parsed.contains("messages")) {
      LL_ASSIGN(input, input_of(parsed));
    } else {
      return errorf(ErrorCode::invalid_argument, "{}: must be a list of messages, or an object with \"messages\"",
                    what);
    }
  }
  if (!args.tools_file.empty()) {
    LL_ASSIGN(const std::string json, read_file(args.tools_file));
    LL_ASSIGN(const Json parsed, parse_ordered_json(json, args.tools_file));
    LL_ASSIGN(input.tools, tools_of(parsed, args.tools_file));
  }
  if (!args.name.empty()) {
    input.template_name = args.name;
  }
  input.add_generation_prompt = input.add_generation_prompt && !args.no_prompt;
  return input;
}

Status render_one(const Source& source, const RenderArgs& args, std::chrono::local_seconds now) {
  if (source.templates.empty()) {
    return errorf(ErrorCode::unsupported, "'{}' has no chat template", args.model);
  }
  LL_ASSIGN(const ChatInput input, read_input(args));
  const auto rendered = source.templates.render(input, now);
  if (const auto* failure = std::get_if<jinja::Failure>(&rendered)) {
    const std::string where = args.template_file.empty() ? args.model : args.template_file;
    return Error{ErrorCode::invalid_argument, describe(*failure, where)};
  }
  const auto& text = std::get<jinja::Text>(rendered);
  if (args.as_json) {
    fmt::print("{}\n", dump_json(rendered_json(source, text)));
    return {};
  }
  fmt::print("{}{}", text.view(), isatty(STDOUT_FILENO) != 0 ? "\n" : "");
  std::fflush(stdout);
  if (source.tokenizer != nullptr) {
    const auto ids = encode_rendered(*source.tokenizer, text);
    note(fmt::format("{} tokens: {}", ids.size(), fmt::join(ids, ",")));
  }
  return {};
}

/// Options that would be ignored together are refused.
Status check_options(const RenderArgs& args) {
  const bool has_text = args.text_given->count() > 0;
  const std::pair<bool, const char*> refused[] = {
      {args.jsonl && (has_text || !args.system.empty()), "--jsonl reads its messages from standard input: no TEXT"},
      {args.jsonl && !args.messages_file.empty(), "--jsonl reads its messages from standard input: no --messages"},
      {args.jsonl && !args.tools_file.empty(), "with --jsonl each line brings its tools: no --tools"},
      {args.jsonl && args.as_json, "--jsonl prints JSON as it is: no --json"},
      {args.jsonl && args.no_prompt, "with --jsonl a line says add_generation_prompt: no --no-generation-prompt"},
      {has_text && !args.messages_file.empty(), "TEXT and --messages are two sources of messages: give one"},
      {!has_text && !args.system.empty(), "--system goes with TEXT"},
  };
  for (const auto& [given, message] : refused) {
    if (given) {
      return Error{ErrorCode::invalid_argument, message};
    }
  }
  return {};
}

Status render(const RenderArgs& args) {
  LL_TRY(check_options(args));
  LL_ASSIGN(const std::chrono::local_seconds now, parse_time(args.now));
  LL_ASSIGN(const Source source, open_source(args));
  if (!args.jsonl) {
    for (const std::string& problem : source.templates.problems()) {
      note("warning: " + problem);
    }
    return render_one(source, args, now);
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    if (!line.empty()) {
      fmt::print("{}\n", dump_json(render_line(source, args.name, line, now)));
    }
  }
  return {};
}

}  // namespace

Verb add_render(CLI::App& root) {
  auto args = std::make_shared<RenderArgs>();
  CLI::App* app = root.add_subcommand("render", "Shows what a chat template makes of messages, and its ids");
  app->add_option("MODEL", args->model, "model file or directory, builtin:haiku, or a template (.jinja)")->required();
  args->text_given = app->add_option("TEXT", args->text, "a user's message; without it: JSON from standard input");
  app->add_option("--system", args->system, "with TEXT: a system message before it");
  app->add_option("--messages", args->messages_file, "a JSON file: a list of messages, or an object with \"messages\"")
      ->check(file_name());
  app->add_option("--tools", args->tools_file, "a JSON file: a list of tools")->check(file_name());
  app->add_option("--chat-template", args->template_file, "a template's file, in place of the model's")
      ->check(file_name());
  app->add_option("--name", args->name, "which of the model's templates: default, tool_use, rag, ...")
      ->check(not_empty());
  app->add_option("--now", args->now, "the time that strftime_now sees: 2026-01-15T12:34:56");
  app->add_flag("--no-generation-prompt", args->no_prompt, "does not open the assistant's turn");
  app->add_flag("--json", args->as_json, R"(prints {"rendered","ids"})");
  app->add_flag(
      "--jsonl", args->jsonl,
      R"(a line {"messages","tools","documents","add_generation_prompt","extra","template"} in, the last a )"
      R"(template in place of the model's; {"rendered"} or {"error"} out; a case that fails is no failure of the program)");
  return {app, [args] { return finish(render(*args)); }};
}

}  // namespace llorch::cli
