// Option groups and helpers of the verbs; options.h says what each promises.
#include "cli/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <random>

#include "base/format.h"
#include "base/mmap.h"
#include "checkpoint/printable.h"
#include "server/execute_request.h"
#include "worker/progress_bar.h"

namespace llorch::cli {
namespace {

constexpr std::size_t kWarningBytes = 1000;  // it may quote tokens of the file

}  // namespace

void note(const std::string& message) {
  std::fprintf(stderr, "llorch: %s\n", message.c_str());
}

int fail(const Error& error) {
  std::fflush(stdout);
  note(error.message);
  return exit_code(error.code);
}

int finish(const Status& status) {
  return status.ok() ? static_cast<int>(kExitOk) : fail(status.error());
}

KvType DeviceArgs::kv() const {
  return backend().kv_type;
}

BackendOptions DeviceArgs::backend() const {
  const Activations chosen = activations == "f32" ? Activations::f32 : Activations::q8;
  return {.n_threads = threads,
          .activations = chosen,
          .kv_type = kv_type_of(kv_type).value_or(default_kv_type(chosen)),
          .repack = repack == "on"};
}

void add_device_options(CLI::App& app, DeviceArgs& args) {
  app.add_option("--device", args.device,
                 "ref, cpu (the best this processor has), cpu:avx2, cpu:avx512, blas, cuda:N; see `llorch devices`")
      ->capture_default_str();
  app.add_option("--threads", args.threads, "most threads of the backend; 0: the physical cores allowed to the process")
      ->check(whole_in(0, 1024))
      ->capture_default_str();
  app.add_option("--context", args.context, "tokens a sequence may hold; 0: the model's, at most 8192")
      ->check(whole_in(0, 1 << 24))
      ->capture_default_str();
  app.add_option("--activations", args.activations,
                 "q8: 8-bit activations where a quantised format has such a kernel; f32: exact")
      ->check(CLI::IsMember({"q8", "f32"}))
      ->capture_default_str();
  app.add_option("--kv-type", args.kv_type,
                 "how keys and values are kept: f16, q8_0 or f32 (default: f16, with --activations f32 f32)")
      ->check(CLI::IsMember({"f16", "q8_0", "f32"}));
  app.add_option("--repack", args.repack,
                 "on: weights in the layout of the kernels, where they have one; off: as in the file, slower")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
}

void add_request_options(CLI::App& app, SamplingArgs& args) {
  args.app = &app;
  SamplingParams& p = args.params;
  app.add_option("--temperature", p.temperature, "0: always the likeliest token")->check(number_in(0, 2));
  app.add_option("--top-k", p.top_k, "draw among the K likeliest tokens; 0: off")->check(whole_in(0, INT32_MAX));
  app.add_option("--top-p", p.top_p, "draw among the likeliest tokens that sum up to P; 1: off")
      ->check(number_in(0, 1));
  app.add_option("--min-p", p.min_p, "drop tokens less likely than P times the likeliest; 0: off")
      ->check(number_in(0, 1));
  app.add_option("--repetition-penalty", p.repetition_penalty, "divides the logits of tokens seen before; 1: off")
      ->check(number_in(0.01, 2));
  app.add_option("--presence-penalty", p.presence_penalty, "taken once from the logits of tokens seen before; 0: off")
      ->check(number_in(-2, 2));
  app.add_option("--frequency-penalty", p.frequency_penalty, "the same, for each time that it was seen; 0: off")
      ->check(number_in(-2, 2));
  app.add_option("--seed", p.seed, "of the random draws; default: drawn anew each time")
      ->check(whole_in(0, UINT64_MAX));
  app.add_option("--max-tokens", args.max_tokens, "tokens of an answer; 0: as many as the context allows")
      ->check(whole_in(0, INT32_MAX));
  app.add_option("--stop", args.stop, "text that ends the answer and is not printed; up to 16 times, 1 to 256 bytes")
      ->allow_extra_args(false);
}

void add_sampling_options(CLI::App& app, SamplingArgs& args) {
  add_request_options(app, args);
  args.params.temperature = 0.8F;
  for (const char* option : {"--top-k", "--top-p", "--min-p", "--repetition-penalty", "--presence-penalty",
                             "--frequency-penalty", "--max-tokens"}) {
    app.get_option(option)->capture_default_str();
  }
  app.get_option("--temperature")->default_str("0.8");
  app.add_flag("--ignore-eos", args.ignore_eos, "go on after a token that ends the answer");
}

std::uint64_t seed_of(const SamplingArgs& args) {
  if (args.given("--seed")) {
    return args.params.seed;
  }
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32) | entropy();
}

Status check(const SamplingArgs& args) {
  if (args.stop.size() > kMaxStops) {
    return errorf(ErrorCode::invalid_argument, "--stop: at most {} of them, not {}", kMaxStops, args.stop.size());
  }
  for (const std::string& stop : args.stop) {
    if (stop.empty() || stop.size() > kMaxStopBytes) {
      return errorf(ErrorCode::invalid_argument, "--stop: each has 1 to {} bytes, not {}", kMaxStopBytes, stop.size());
    }
  }
  return {};
}

void note_warnings(const Tokenizer& tokenizer) {
  for (const std::string& warning : tokenizer.warnings()) {
    note("warning: " + printable(warning, kWarningBytes));
  }
}

Result<LoadedModel> load(const std::string& path, const DeviceArgs& args, LoadOptions options) {
  options.device = args.device;
  Recorder* const recorder = options.backend.recorder;
  options.backend = args.backend();
  options.backend.recorder = recorder;
  options.context = args.context;
  if (isatty(STDERR_FILENO) != 0) {
    options.progress = draw_progress;
  }
  LL_ASSIGN(LoadedModel model, load_model(path, options));
  if (model.context_lowered) {
    note(fmt::format("warning: --context {} is more than the model's; {} is used", args.context, model.context));
  }
  if (model.tokenizer != nullptr) {
    note_warnings(*model.tokenizer);
  }
  for (const std::string& problem : model.chat.problems()) {
    note("warning: " + printable(problem, kWarningBytes));
  }
  return model;
}

Result<std::vector<std::int32_t>> parse_ids(std::string_view text) {
  std::vector<std::int32_t> ids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    std::int32_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || id < 0 || (next < end && *next != ',' && *next != ' ')) {
      return errorf(ErrorCode::invalid_argument, "token ids are numbers with commas between them (1,2,3), not '{}'",
                    text);
    }
    ids.push_back(id);
    at = next;
    while (at < end && (*at == ',' || *at == ' ')) {
      ++at;
    }
  }
  if (ids.empty()) {
    return Error{ErrorCode::invalid_argument, "the list of token ids is empty"};
  }
  return ids;
}

Status check_ids(const std::vector<std::int32_t>& ids, int vocab) {
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= vocab) {
      return errorf(ErrorCode::invalid_argument, "token id {} is outside the vocabulary of {}", id, vocab);
    }
  }
  return {};
}

Result<std::string> read_file(const std::string& path) {
  LL_ASSIGN(const auto file, MappedFile::open(path, {.copy = true}));
  return std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
}

Result<std::string> read_stdin() {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n == 0) {
      return text;
    }
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return errorf(ErrorCode::io, "cannot read standard input: {}", std::strerror(errno));
    }
  }
}

Result<std::string> read_prompt(const std::string& given) {
  if (given != "-") {
    return given;
  }
  LL_ASSIGN(std::string text, read_stdin());
  if (text.ends_with('\n')) {
    text.resize(text.size() - (text.ends_with("\r\n") ? 2 : 1));
  }
  if (text.empty()) {
    return Error{ErrorCode::invalid_argument, "PROMPT: '-' is standard input, which is empty"};
  }
  return text;
}

std::string escaped(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace llorch::cli
