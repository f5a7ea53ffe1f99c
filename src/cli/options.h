// What the verbs of `llorch` share: option groups, the way from an Error to an exit code, and loading with progress.
//
//   main.cpp -> add_VERB(root) declares a subcommand and returns its action -> action() -> exit code
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_code.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "cli/validators.h"
#include "engine/loaded_model.h"
#include "engine/request.h"

namespace llorch::cli {

/// A subcommand and what it does once its arguments were parsed; the action returns an exit code.
struct Verb {
  CLI::App* app = nullptr;
  std::function<int()> action;
};
Verb add_run(CLI::App& root);
Verb add_logits(CLI::App& root);
Verb add_tokenize(CLI::App& root);
Verb add_detokenize(CLI::App& root);
Verb add_render(CLI::App& root);
Verb add_inspect(CLI::App& root);
Verb add_verify(CLI::App& root);
Verb add_devices(CLI::App& root);
Verb add_bench(CLI::App& root);
Verb add_perplexity(CLI::App& root);
Verb add_diff(CLI::App& root);
Verb add_serve(CLI::App& root);
Verb add_ask(CLI::App& root);
Verb add_quantize(CLI::App& root);
Verb add_convert(CLI::App& root);
Verb add_imatrix(CLI::App& root);

/// Prints "llorch: MESSAGE" on stderr; never throws, as fmt::print would on a closed stderr.
void note(const std::string& message);
/// Notes the error's message and returns its exit code.
int fail(const Error& error);
/// The exit code of a Status, with the error printed.
int finish(const Status& status);

/// --device, --threads, --context, --activations, --kv-type, --repack.
struct DeviceArgs {
  std::string device = "cpu";
  int threads = 0;
  int context = 0;
  std::string activations = "q8";
  std::string kv_type;  // empty: by the activations
  std::string repack = "on";

  KvType kv() const;
  /// All of them but the device and the context.
  BackendOptions backend() const;
};
void add_device_options(CLI::App& app, DeviceArgs& args);

struct SamplingArgs {
  SamplingParams params;
  int max_tokens = 0;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  const CLI::App* app = nullptr;

  /// Whether the command line has `option` ("--seed").
  bool given(const std::string& option) const { return app != nullptr && app->get_option(option)->count() > 0; }
};
/// What a request to a worker may say too: --temperature ... --seed, --max-tokens, --stop; without defaults in the
/// help.
void add_request_options(CLI::App& app, SamplingArgs& args);
/// These, with the tool's defaults, and --ignore-eos.
void add_sampling_options(CLI::App& app, SamplingArgs& args);
/// The seed that was given, or one from the system's entropy.
std::uint64_t seed_of(const SamplingArgs& args);
/// What the option parser cannot say in a validator: at most 16 stops of 1 to 256 bytes.
Status check(const SamplingArgs& args);

/// Notes what was odd about the tokenizer's file, a line each.
void note_warnings(const Tokenizer& tokenizer);

/// Loads a model as the options say; shows progress when stderr is a terminal, notes warnings (a lowered context, the
/// tokenizer's).
Result<LoadedModel> load(const std::string& path, const DeviceArgs& args, LoadOptions options = {});

/// "1,2,3" -> ids; blanks are allowed. At least one id, each 0 to 2^31 - 1.
Result<std::vector<std::int32_t>> parse_ids(std::string_view text);
/// An error that names the first id outside [0, vocab).
Status check_ids(const std::vector<std::int32_t>& ids, int vocab);

/// All of a regular file; errors as MappedFile::open has them.
Result<std::string> read_file(const std::string& path);
/// All of standard input.
Result<std::string> read_stdin();
/// A PROMPT as it was given; "-" is all of standard input without its last line end. No text there is
/// ErrorCode::invalid_argument.
Result<std::string> read_prompt(const std::string& given);

/// Text with control characters and bytes that are not printable ASCII or UTF-8 letters shown as \n, \x0a.
std::string escaped(std::string_view bytes);

}  // namespace llorch::cli
