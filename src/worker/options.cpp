// The command line of a worker; options.h says what it promises.
#include "worker/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "base/exit_code.h"
#include "base/utf8.h"
#include "base/version.h"
#include "server/listener.h"
#include "tokenizer/chat.h"
#include "worker/callback.h"
#include "worker/config_file.h"

namespace llorch {
namespace {

constexpr std::size_t kMaxWorkerIdBytes = 128;

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

std::string check_printable(const std::string& text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  return printable ? "" : "must have printable bytes alone";
}

std::string check_worker_id(const std::string& id) {
  const bool good = !id.empty() && id.size() <= kMaxWorkerIdBytes && check_printable(id).empty();
  return good ? std::string() : fmt::format("must have 1 to {} printable bytes", kMaxWorkerIdBytes);
}

std::string check_not_empty(const std::string& text) {
  return text.empty() ? "must not be empty" : "";
}

/// It is shown, and reported as JSON.
std::string check_host(const std::string& host) {
  return host.empty() ? "must not be empty" : is_utf8(host) ? "" : "must be valid UTF-8";
}

std::string check_url(const std::string& url) {
  return is_http_url(url) ? "" : "must be an http:// or https:// URL";
}

/// What is reported may be a Unix socket, too.
std::string check_address(const std::string& url) {
  const bool is_unix = url.starts_with("unix:") && url.size() > 5 && check_printable(url).empty();
  return is_unix || is_http_url(url) ? "" : "must be an http:// or https:// URL, or unix:PATH";
}

/// What the parser fills and finish() makes into WorkerOptions.
struct Raw {
  WorkerOptions o;
  std::string log_format;  // empty: by what stderr is
  std::string log_level = "info";
  std::string activations = "q8";
  std::string kv_type;  // empty: by the activations
  std::string repack = "on";
  std::string verify_manifest;
  std::string api_key_file;
  std::string tls_cert;
  std::string tls_key;
  std::string config;
  double header_timeout_s = 10;
  double body_timeout_s = 60;
  double idle_timeout_s = 75;
  double write_timeout_s = 30;
};

/// CLI::Range lets NaN through.
CLI::Validator seconds_in(double low, double high) {
  const auto check = [low, high](const std::string& text) {
    double value = 0;
    const bool number = CLI::detail::lexical_cast(text, value);
    return number && value >= low && value <= high
               ? std::string()
               : fmt::format("'{}' is not a number of seconds from {} to {}", text, low, high);
  };
  return CLI::Validator(check, fmt::format("SECONDS in [{} - {}]", low, high));
}

/// Digits as they are meant: CLI11 reads 010 as octal and 0x10 as well.
std::string decimal(const std::string& text) {
  const bool negative = text.starts_with('-');
  const std::size_t first = text.find_first_not_of('0', negative ? 1 : 0);
  if (text.size() == (negative ? 1 : 0) ||
      text.find_first_not_of("0123456789", negative ? 1 : 0) != std::string::npos) {
    throw CLI::ValidationError(fmt::format("'{}' is not a whole number", text));
  }
  return (negative ? "-" : "") + (first == std::string::npos ? "0" : text.substr(first));
}

template <class T>
void add_number(CLI::App& app, const char* name, T& value, T low, T high, const char* help) {
  app.add_option(name, value, help)->transform(decimal)->check(CLI::Range(low, high))->capture_default_str();
}

void add_seconds(CLI::App& app, const char* name, double& value, const char* help) {
  app.add_option(name, value, help)->check(seconds_in(0.001, 1e7))->capture_default_str();
}

void add_model(CLI::App& app, Raw& raw) {
  WorkerOptions& o = raw.o;
  // The tool takes the model as its verbs do, too.
  app.add_option(o.model.empty() ? "--model" : "--model,model", o.model,
                 "A .gguf file, a directory with config.json and *.safetensors, or builtin:haiku (the embedded model)")
      ->check(CLI::Validator(check_not_empty, "", ""));
  app.add_option("--threads", o.threads, "most CPU threads (default: the physical cores allowed to the process)")
      ->transform(decimal)
      ->check(CLI::Range(1, 1024));
  app.add_option("--context", o.context, "Tokens that a sequence may hold (default: the model's, at most 8192)")
      ->transform(decimal)
      ->check(CLI::Range(2, 1 << 24));
  app.add_option("--kv-cache-mb", o.kv_cache_mb,
                 "MiB of KV cache (default: what --max-sequences full contexts need, at most half of free memory)")
      ->transform(decimal)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
  app.add_option("--chat-template", o.chat_template, "A template's file, in place of the model's chat templates")
      ->check(CLI::Validator(check_not_empty, "", ""));
  app.add_flag("--verify", o.verify, "Check every byte of the model while it loads, and tell its digest in /health");
  app.add_option("--verify-manifest", raw.verify_manifest,
                 "A manifest of `llorch verify`: --verify, and the model must be the one that it describes")
      ->check(CLI::Validator(check_not_empty, "", ""));
  app.add_option("--activations", raw.activations,
                 "f32: exact activations; q8: 8-bit ones where a quantised format has such a kernel")
      ->check(CLI::IsMember({"f32", "q8"}))
      ->capture_default_str();
  app.add_option("--kv-type", raw.kv_type,
                 "How keys and values are kept: f16, q8_0 or f32 (default: f16, with --activations f32 f32)")
      ->check(CLI::IsMember({"f16", "q8_0", "f32"}));
  app.add_option("--repack", raw.repack,
                 "off: weights stay as they are in the file, slower; on: as the kernels read them")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
}

void add_service(CLI::App& app, Raw& raw) {
  WorkerOptions& o = raw.o;
  app.add_option("--worker-id", o.worker_id, "Name of this worker, 1 to 128 printable bytes (default: a random UUID)")
      ->check(CLI::Validator(check_worker_id, "", "worker id"));
  app.add_option("--host", o.http.host, "Address to listen on, or unix:PATH for a Unix socket")
      ->check(CLI::Validator(check_host, "", ""))
      ->capture_default_str();
  add_number(app, "--port", o.http.port, 0, 65535,
             "TCP port; 0 takes a free one, which the first line on stdout names");
  app.add_option("--callback-url", o.callback_url, "Where the worker reports that it is ready (default: nowhere)")
      ->check(CLI::Validator(check_url, "", "URL"));
  app.add_option("--advertise-url", o.advertise_url,
                 "The address that it reports (default: where it listens; needed with 0.0.0.0 and ::)")
      ->check(CLI::Validator(check_address, "", "URL"));
  add_number(app, "--max-sequences", o.max_sequences, 1, 1024, "Requests that run at once; more wait");
  add_number(app, "--max-queue", o.max_queue, 0, 1 << 20, "Requests that may wait; more get a 503");
  add_number(app, "--max-tokens-out", o.max_tokens_out, 1, 1 << 24, "Tokens that one answer may have at most");
  add_seconds(app, "--inference-timeout", o.inference_timeout_s, "Seconds after which an accepted request must end");
  app.add_option("--drain-timeout", o.drain_timeout_s, "Seconds that accepted requests get to finish at the end")
      ->check(seconds_in(0, 1e7))
      ->capture_default_str();
  app.add_option("--api-key-file", raw.api_key_file,
                 "File with one key a line, one of which every request but /health must carry")
      ->check(CLI::Validator(check_not_empty, "", ""));
  app.add_option("--tls-cert", raw.tls_cert, "Certificate chain (PEM): the worker speaks HTTPS");
  app.add_option("--tls-key", raw.tls_key, "Private key of --tls-cert (PEM)");
}

void add_limits(CLI::App& app, Raw& raw) {
  HttpOptions& http = raw.o.http;
  const std::size_t most = std::size_t{1} << 30U;
  add_number(app, "--max-header-bytes", http.max_header_bytes, std::size_t{256}, most, "Bytes of a request's header");
  add_number(app, "--max-body-bytes", http.max_body_bytes, std::size_t{256}, most, "Bytes of a request's body");
  add_number(app, "--max-connections", http.max_connections, 1, 1 << 20,
             "Connections at once; beyond, the longest idle one makes room");
  add_seconds(app, "--header-timeout", raw.header_timeout_s, "Seconds from a request's first byte to its whole header");
  add_seconds(app, "--body-timeout", raw.body_timeout_s, "Seconds from the header to the whole body");
  add_seconds(app, "--idle-timeout", raw.idle_timeout_s, "Seconds that a connection may wait for its next request");
  add_seconds(app, "--write-timeout", raw.write_timeout_s, "Seconds in which a client must take a part of an answer");
  add_seconds(app, "--residency-interval", raw.o.residency_interval_s,
              "Seconds between checks that the model is on its device");
  add_seconds(app, "--heartbeat-timeout", raw.o.heartbeat_timeout_s,
              "Seconds after which a step of the engine that does not end makes the worker unhealthy");
}

void add_log(CLI::App& app, Raw& raw) {
  app.add_option("--log-format", raw.log_format,
                 "Lines on stderr: text or json (default: text on a terminal, else json)")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", raw.log_level, "Least level that is logged")
      ->check(CLI::IsMember(std::vector<std::string>(kLogLevelNames.begin(), kLogLevelNames.end())))
      ->capture_default_str();
  app.add_flag("--log-prompts", raw.o.log_prompts, "Log prompts and answers (default: never)");
}

LogLevel level_of(std::string_view name) {
  return static_cast<LogLevel>(std::find(kLogLevelNames.begin(), kLogLevelNames.end(), name) - kLogLevelNames.begin());
}

Status bad(std::string message) {
  return Error{ErrorCode::invalid_argument, std::move(message)};
}

/// What one option alone cannot say, and the files that options name.
Status finish(const Daemon& daemon, Raw& raw) {
  WorkerOptions& o = raw.o;
  const bool is_unix = o.http.host.starts_with("unix:");
  if (o.model.empty()) {
    return bad("--model is required");
  }
  if (raw.tls_cert.empty() != raw.tls_key.empty()) {
    return bad("--tls-cert and --tls-key go together");
  }
  if (is_unix && !raw.tls_cert.empty()) {
    return bad("--host unix:PATH has no TLS: --tls-cert does not go with it");
  }
  if (!o.callback_url.empty() && o.advertise_url.empty() && is_wildcard(o.http.host)) {
    return bad(
        fmt::format("--callback-url with --host {} needs --advertise-url: nobody can reach that address", o.http.host));
  }
  if (!raw.tls_cert.empty()) {
    LL_ASSIGN(o.http.tls, make_tls_context(raw.tls_cert, raw.tls_key));
  }
  if (!raw.verify_manifest.empty()) {
    LL_ASSIGN(Manifest manifest, read_manifest(raw.verify_manifest));
    o.manifest = std::make_shared<const Manifest>(std::move(manifest));
    o.verify = true;
  }
  if (!o.chat_template.empty()) {
    if (const auto read = ChatTemplates::read_file(o.chat_template); !read.ok()) {
      return bad("--chat-template: " + read.error().message);
    }
  }
  LL_TRY(check_device_name(o.device));
  if (!raw.api_key_file.empty()) {
    LL_ASSIGN(o.keys, ApiKeys::read(raw.api_key_file));
  }
  o.worker_id = o.worker_id.empty() ? random_uuid() : o.worker_id;
  const bool terminal = daemon.text_log || ::isatty(STDERR_FILENO) == 1;
  const bool text = raw.log_format.empty() ? terminal : raw.log_format == "text";
  o.log_format = text ? LogFormat::text : LogFormat::json;
  o.log_level = level_of(raw.log_level);
  o.activations = raw.activations == "f32" ? Activations::f32 : Activations::q8;
  o.kv_type = kv_type_of(raw.kv_type).value_or(default_kv_type(o.activations));
  o.repack = raw.repack == "on";
  o.http.header_timeout = ms(raw.header_timeout_s);
  o.http.body_timeout = ms(raw.body_timeout_s);
  o.http.idle_timeout = ms(raw.idle_timeout_s);
  o.http.write_timeout = ms(raw.write_timeout_s);
  return {};
}

}  // namespace

ParsedOptions parse_options(const Daemon& daemon, int argc, const char* const* argv) {
  CLI::App app("One LLM inference worker: loads a model and answers prompts over HTTP.", daemon.name);
  app.set_version_flag("--version", fmt::format("{} {}", daemon.name, kVersion));
  Raw raw;
  raw.o.model = daemon.default_model;
  raw.o.device = daemon.device;
  add_model(app, raw);
  add_service(app, raw);
  add_limits(app, raw);
  add_log(app, raw);
  app.add_option("--config", raw.config, "TOML file with the same names, without the dashes; the command line wins")
      ->check(CLI::Validator(check_not_empty, "", ""));
  const bool is_cuda = raw.o.device == "cuda";
  if (is_cuda) {
    add_number(app, "--cuda-device", raw.o.cuda_device, 0, 255, "Index of the GPU");
  }
  if (raw.o.device.empty()) {
    raw.o.device = "cpu";
    app.add_option("--device", raw.o.device, "ref, cpu, cpu:avx2, cpu:avx512, blas or cuda:N")->capture_default_str();
  }
  const auto refuse = [&](const Error& error) {
    std::fputs(fmt::format("{}: {}\n{} --help lists the options.\n", daemon.name, error.message, daemon.name).c_str(),
               stderr);
    return ParsedOptions{std::nullopt, exit_code(error.code)};
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    const int code = app.exit(success);
    std::fflush(stdout);
    return {std::nullopt, code};
  } catch (const CLI::ParseError& error) {
    return refuse({ErrorCode::invalid_argument, error.what()});
  }
  if (!raw.config.empty()) {
    if (const Status status = apply_config_file(app, raw.config); !status.ok()) {
      return refuse(status.error());
    }
  }
  if (const Status status = finish(daemon, raw); !status.ok()) {
    return refuse(status.error());
  }
  if (is_cuda) {
    raw.o.device = fmt::format("cuda:{}", raw.o.cuda_device);
  }
  return {std::move(raw.o), 0};
}

}  // namespace llorch
