// llorch run: text from a model. A prompt is answered and the program ends; without one it is a conversation.
//
//   prompt -> chat template (or --raw: the text as it is; or --tokens: ids) -> engine -> standard output
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "base/format.h"
#include "cli/answer.h"
#include "cli/conversation.h"
#include "cli/options.h"

namespace llorch::cli {
namespace {

struct RunArgs {
  std::string model = kBuiltinHaiku;
  std::string prompt;
  std::string system;
  std::string tokens;
  std::string chat_template;
  bool raw = false;
  bool parse_special = false;
  bool print_ids = false;
  bool stats = false;
  CLI::Option* model_given = nullptr;
  CLI::Option* prompt_given = nullptr;
  CLI::Option* tokens_given = nullptr;
  DeviceArgs device;
  SamplingArgs sampling;
};

struct Prompt {
  std::vector<std::int32_t> ids;
  bool continues_text = false;
};

/// Faults of the command line that one option alone does not show.
Status check_args(const RunArgs& args) {
  LL_TRY(check(args.sampling));
  const bool has_prompt = args.prompt_given->count() > 0;
  const bool has_tokens = args.tokens_given->count() > 0;
  if (has_prompt && has_tokens) {
    return Error{ErrorCode::invalid_argument, "give a PROMPT or --tokens, not both"};
  }
  if (has_tokens) {
    LL_TRY(parse_ids(args.tokens));
  }
  if (args.raw && !has_prompt && !has_tokens) {
    return Error{ErrorCode::invalid_argument, "--raw needs a PROMPT or --tokens"};
  }
  for (const auto& [option, given] :
       {std::pair("--system", !args.system.empty()), std::pair("--chat-template", !args.chat_template.empty())}) {
    if (given && (args.raw || has_tokens)) {
      return errorf(ErrorCode::invalid_argument, "{} has to do with the chat template, which --raw and --tokens skip",
                    option);
    }
  }
  if (args.parse_special && has_tokens) {
    return Error{ErrorCode::invalid_argument, "--parse-special is about text: not with --tokens"};
  }
  std::error_code ignored;
  const bool lone = args.model_given->count() > 0 && !has_prompt && !has_tokens;
  if (lone && !args.model.starts_with("builtin:") && !std::filesystem::exists(args.model, ignored)) {
    return errorf(ErrorCode::model_file,
                  "MODEL '{}': no such file (a prompt comes after the model: llorch run {} \"a prompt\")", args.model,
                  kBuiltinHaiku);
  }
  return {};
}

/// Whether the times would stand behind the answer's last word: on a screen that shows both.
bool times_share_a_line(const RunArgs& args, const Answer& answer) {
  const bool ends_line = !args.print_ids && answer.text.ends_with('\n');
  return args.stats && !ends_line && isatty(STDOUT_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

/// The ids that the model is given. Text that only begins (BOS alone) is not continued: SPM drops its first space.
Result<Prompt> make_prompt(const RunArgs& args, const LoadedModel& model) {
  const Tokenizer& tokenizer = *model.tokenizer;
  Prompt prompt;
  if (args.tokens_given->count() > 0) {
    LL_ASSIGN(prompt.ids, parse_ids(args.tokens));
    LL_TRY(check_ids(prompt.ids, model.plan.spec.vocab));
  } else if (args.raw) {
    prompt.ids = tokenizer.encode(args.prompt, {.parse_special = args.parse_special, .add_special = true});
  } else {
    std::vector<ChatMessage> messages;
    if (!args.system.empty()) {
      messages.push_back({"system", args.system});
    }
    messages.push_back({"user", args.prompt});
    LL_ASSIGN(prompt.ids, chat_ids(model, messages));
    return prompt;
  }
  if (prompt.ids.empty()) {
    return Error{ErrorCode::invalid_argument, "the prompt is empty, and this model has no BOS token to begin with"};
  }
  for (const std::int32_t id : prompt.ids) {
    prompt.continues_text = prompt.continues_text || !tokenizer.is_special(id);
  }
  return prompt;
}

Status run(RunArgs args) {
  LL_TRY(check_args(args));
  LL_ASSIGN(args.prompt, read_prompt(args.prompt));
  LoadOptions options;
  options.chat_template = args.chat_template;
  const bool talks = args.prompt_given->count() == 0 && args.tokens_given->count() == 0;
  Prompt prompt;
  options.before_weights = [&](const LoadedModel& model) -> Status {
    if (talks) {
      LL_TRY(chat_ids(model, {{"user", "hello"}}));
    } else {
      LL_ASSIGN(prompt, make_prompt(args, model));
    }
    return {};
  };
  LL_ASSIGN(LoadedModel model, load(args.model, args.device, options));
  Answerer answerer(model, args.sampling, args.print_ids ? Show::ids : Show::text);
  if (talks) {
    return converse(model, answerer, args.system, args.stats);
  }
  LL_ASSIGN(const Answer answer, answerer.answer(std::move(prompt.ids), prompt.continues_text, nullptr));
  const bool exact = args.raw || args.tokens_given->count() > 0 || args.print_ids;  // nothing but the answer
  if (!exact || times_share_a_line(args, answer)) {
    fmt::print("\n");
  }
  if (args.stats) {
    print_stats(answer);
  }
  return {};
}

}  // namespace

Verb add_run(CLI::App& root) {
  auto args = std::make_shared<RunArgs>();
  CLI::App* app = root.add_subcommand(
      "run", "Answers a prompt; without a prompt, a conversation, each line of standard input a turn");
  args->model_given = app->add_option("MODEL", args->model, "model file, directory, or builtin:haiku (the default)");
  args->prompt_given = app->add_option(
      "PROMPT", args->prompt, "goes through the model's chat template; -: all of standard input as one prompt");
  app->add_option("--system", args->system, "system message of the conversation");
  app->add_option("--chat-template", args->chat_template, "a template's file, in place of the model's")
      ->check(file_name());
  app->add_flag("--raw", args->raw,
                "no chat template: the prompt as it is, with BOS as the file says; prints the continuation alone");
  app->add_flag("--parse-special", args->parse_special, "with --raw: text of control tokens becomes those tokens")
      ->needs("--raw");
  args->tokens_given =
      app->add_option("--tokens", args->tokens, "instead of a prompt exactly these ids: 1,2,3 (no BOS)");
  app->add_flag("--print-ids", args->print_ids, "prints the new token ids with blanks between them, nothing else");
  app->add_flag("--stats", args->stats, "prints times and speed on stderr after each answer");
  add_sampling_options(*app, args->sampling);
  add_device_options(*app, args->device);
  return {app, [args] { return finish(run(*args)); }};
}

}  // namespace llorch::cli
