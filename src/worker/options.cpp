// The only file of the worker that includes CLI11; options.h says what it promises.
#include "worker/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <cstdio>
#include <random>
#include <string_view>

#include "base/version.h"

namespace llorch {
namespace {

constexpr int kBadArguments = 2;
constexpr int kMaxWorkerIdBytes = 128;

/// A random (version 4) UUID.
std::string random_uuid() {
  std::random_device device;
  std::array<std::uint32_t, 4> r{};
  for (auto& word : r) {
    word = device();
  }
  r[1] = (r[1] & 0xFFFF0FFFU) | 0x00004000U;
  r[2] = (r[2] & 0x3FFFFFFFU) | 0x80000000U;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", r[0], r[1] >> 16U, r[1] & 0xFFFFU, r[2] >> 16U,
                     r[2] & 0xFFFFU, r[3]);
}

std::string check_worker_id(const std::string& id) {
  bool printable = !id.empty() && id.size() <= kMaxWorkerIdBytes;
  for (const char c : id) {
    printable = printable && c >= 0x20 && c < 0x7f;
  }
  return printable ? std::string() : "must have 1 to 128 printable bytes";
}

/// Options whose values are words.
struct Words {
  std::string log_format;  // empty: by what stderr is
  std::string log_level = "info";
  std::string activations = "q8";
};

void add_service(CLI::App& app, WorkerOptions& o) {
  app.add_option("--worker-id", o.worker_id, "Name of this worker, 1 to 128 printable bytes (default: a random UUID)")
      ->check(CLI::Validator(check_worker_id, "", "worker id"));
  app.add_option("--host", o.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", o.port, "TCP port; 0 takes a free one, which the first line on stdout names")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--max-tokens-out", o.max_tokens_out, "Tokens that one answer may have at most")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  app.add_option("--drain-timeout", o.drain_timeout_s, "Seconds that running requests get to finish at the end")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
}

void add_model(CLI::App& app, WorkerOptions& o, Words& words) {
  app.add_option("--model", o.model,
                 "A .gguf file, a directory with config.json and *.safetensors, or builtin:haiku (the embedded model)")
      ->required()
      ->check(CLI::Validator([](const std::string& path) { return path.empty() ? "must not be empty" : ""; }, ""));
  app.add_option("--threads", o.threads, "CPU threads (default: the physical cores allowed to the process)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--context", o.context, "Tokens that a sequence may hold (default: the model's, at most 8192)")
      ->check(CLI::Range(2, 1 << 24));
  app.add_option("--max-sequences", o.max_sequences, "Sequences that run at once; more wait")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--kv-cache-mb", o.kv_cache_mb,
                 "MiB of KV cache (default: what --max-sequences full contexts need, at most half of free memory)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
  app.add_option("--activations", words.activations,
                 "f32: exact activations; q8: 8-bit ones where a quantised format has such a kernel")
      ->check(CLI::IsMember({"f32", "q8"}))
      ->capture_default_str();
}

void add_log(CLI::App& app, Words& words) {
  app.add_option("--log-format", words.log_format,
                 "Lines on stderr: text or json (default: text on a terminal, else json)")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", words.log_level, "Least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
}

LogLevel level_of(std::string_view name) {
  static constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  std::size_t i = 0;
  while (kNames[i] != name) {
    ++i;
  }
  return static_cast<LogLevel>(i);
}

}  // namespace

ParsedOptions parse_options(const Daemon& daemon, int argc, const char* const* argv) {
  CLI::App app("One LLM inference worker: loads a model and answers prompts over HTTP.", daemon.name);
  app.set_version_flag("--version", fmt::format("{} {}", daemon.name, kVersion));
  app.failure_message([](const CLI::App* a, const CLI::Error& e) {
    return fmt::format("{}: {}\n{} --help lists the options.\n", a->get_name(), e.what(), a->get_name());
  });
  WorkerOptions o;
  Words words;
  add_model(app, o, words);
  add_service(app, o);
  add_log(app, words);
  const bool is_cuda = std::string_view(daemon.device) == "cuda";
  if (is_cuda) {
    app.add_option("--cuda-device", o.cuda_device, "Index of the GPU")
        ->check(CLI::Range(0, 255))
        ->capture_default_str();
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    std::fflush(stdout);
    return {std::nullopt, code == 0 ? 0 : kBadArguments};
  }
  o.worker_id = o.worker_id.empty() ? random_uuid() : o.worker_id;
  const bool text = words.log_format.empty() ? ::isatty(STDERR_FILENO) == 1 : words.log_format == "text";
  o.log_format = text ? LogFormat::text : LogFormat::json;
  o.log_level = level_of(words.log_level);
  o.activations = words.activations == "f32" ? Activations::f32 : Activations::q8;
  o.device = is_cuda ? fmt::format("cuda:{}", o.cuda_device) : daemon.device;
  return {o, 0};
}

}  // namespace llorch
