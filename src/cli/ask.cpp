// llorch ask: a question to a worker over HTTP; the smoke test of an installation.
//
//   URL -> GET /health -> POST /execute -> events -> standard output; times and faults on standard error
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/json.h"
#include "checkpoint/printable.h"
#include "cli/ask_reply.h"
#include "cli/ask_request.h"
#include "cli/http_client.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/worker_url.h"
#include "server/execute_request.h"

namespace llorch::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kInterrupted = 128 + SIGINT;  // as shells say it
constexpr double kHealthSeconds = 10;
constexpr int kPauseMs = 100;                        // between two looks at a worker that is awaited
constexpr std::size_t kMaxOtherBytes = 1024 * 1024;  // of a reply that is no answer

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A worker that can be asked.
struct Worker {
  HttpClient* http;
  std::string name;  // for messages
  std::string base;  // for routes
  bool chat = false;
};

/// Text to standard output, each piece at once. Not through stdio, which would try again at the end of the program what
/// Ctrl-C has ended. libcurl, which calls us, holds SIGPIPE back.
class Output {
 public:
  explicit Output(const Interrupt& interrupt) : interrupt_(&interrupt) {}

  Status put(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
      if (n > 0) {
        ends_line_ = text[static_cast<std::size_t>(n) - 1] == '\n';
        empty_ = false;
        text.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno != EINTR) {
        reader_left_ = errno == EPIPE;
        return errorf(ErrorCode::io, "cannot write to standard output: {}", std::strerror(errno));
      } else if (interrupt_->wait(0)) {
        return Error{ErrorCode::cancelled, "interrupted"};
      }
    }
    return {};
  }
  Status end_line() { return ends_line_ ? Status() : put("\n"); }
  bool empty() const { return empty_; }
  bool reader_left() const { return reader_left_; }

 private:
  const Interrupt* interrupt_;
  bool reader_left_ = false;
  bool empty_ = true;
  bool ends_line_ = false;
};

/// What one look at /health says: ready, or an error; some errors may go away by themselves.
struct Look {
  Status status;
  bool may_become_ready = false;
  bool chat = false;
};

Look read_health(const std::string& name, int status, const std::string& body) {
  const Result<nlohmann::json> health = parse_json(body, "/health");
  const bool is_health = health.ok() && health->is_object() && health->contains("status");
  if (!is_health || (status != 200 && status != 503)) {
    return {errorf(ErrorCode::internal, "{} does not answer as a worker: GET /health gives {}", name,
                   refusal_of(status, body))};
  }
  if (status == 200) {
    return {.chat = health->value("chat", nlohmann::json()) == true};
  }
  const nlohmann::json& state = (*health)["status"];
  if (state == "loading") {
    const nlohmann::json progress = health->value("progress", nlohmann::json());
    const double percent = progress.is_number() ? 100 * progress.get<double>() : 0;
    return {errorf(ErrorCode::internal, "the worker at {} is loading its model ({:.0f}%)", name, percent), true};
  }
  return {errorf(ErrorCode::internal, "the worker at {} takes no requests: it is {}", name,
                 printable(state.is_string() ? state.get<std::string>() : dump_json(state)))};
}

Look look(const Worker& worker) {
  std::string body;
  const auto keep = [&body](const HttpHead& /*head*/, std::string_view bytes) {
    body += bytes;
    return body.size() <= kMaxOtherBytes ? Status() : Error{ErrorCode::internal, "/health gives too many bytes"};
  };
  const auto head = worker.http->call({worker.base + "/health", {}, {}, kHealthSeconds}, keep);
  if (!head.ok()) {
    return {head.error(), head.error().code == ErrorCode::io};
  }
  return read_health(worker.name, head->status, body);
}

/// Looks until the worker is ready, cannot become so, or --wait is over.
Status await_ready(Worker& worker, const AskArgs& args, const Interrupt& interrupt) {
  const auto begin = Clock::now();
  for (;;) {
    const Look now = look(worker);
    worker.chat = now.chat;
    if (now.status.ok() || !now.may_become_ready || seconds_since(begin) >= args.wait_s) {
      return now.status;
    }
    if (interrupt.wait(kPauseMs)) {
      return Error{ErrorCode::cancelled, "interrupted"};
    }
  }
}

/// POST /execute: the text to `output`, then the line of times.
Status execute(Worker& worker, const AskArgs& args, const HttpCall& call, Output& output) {
  const auto begin = Clock::now();
  AskTimes times;
  AskReply reply(args.format, [&](std::string_view text) {
    if (output.empty() && !text.empty()) {
      times.first_text_ms = 1000 * seconds_since(begin);
    }
    return output.put(text);
  });
  std::string other;  // of a reply that is no answer
  const auto on_body = [&](const HttpHead& head, std::string_view bytes) {
    if (head.status == 200 && head.content_type == content_type_of(args.format)) {
      return reply.push(bytes);
    }
    other += bytes.substr(0, kMaxOtherBytes - other.size());
    return Status();
  };
  const auto head = worker.http->call(call, on_body);
  const bool lost = !head.ok() && head.error().code == ErrorCode::io;
  if (!head.ok() && !(lost && reply.ended())) {  // what came whole before the connection was lost counts
    return head.error();
  }
  if (head.ok() && head->status != 200) {
    return Error{ErrorCode::internal, refusal_of(head->status, other)};
  }
  if (head.ok() && head->content_type != content_type_of(args.format)) {
    return errorf(ErrorCode::internal, "asked for {}, the worker sent {}: {}", content_type_of(args.format),
                  printable(head->content_type), printable(other, 200));
  }
  if (head.ok()) {
    LL_TRY(reply.finish());  // the text of an answer that is one object
  }
  times.total_ms = 1000 * seconds_since(begin);
  LL_TRY(output.end_line());
  note(times_line(reply.end(), times));
  return {};
}

Status write_line(const std::string& path, const std::string& line) {
  std::ofstream file(path);
  file << line << '\n';
  file.close();
  return file ? Status() : errorf(ErrorCode::io, "cannot write '{}': {}", path, std::strerror(errno));
}

Status ask(const AskArgs& args, const Interrupt& interrupt) {
  LL_ASSIGN(const WorkerUrl url, parse_worker_url(args.url));
  LL_ASSIGN(const std::string key, read_api_key(args.api_key_file));
  const std::string name = printable(args.url);
  HttpClient http({name, url.unix_path, args.cacert, args.insecure, interrupt.fd()});
  Worker worker{&http, name, url.base};
  LL_TRY(await_ready(worker, args, interrupt));
  if (!worker.chat && !args.system.empty()) {
    return errorf(ErrorCode::invalid_argument,
                  "--system: the worker at {} has no chat template that it knows; give plain text alone", name);
  }
  const std::string body = ask_body(args, worker.chat && !args.raw);
  if (!args.print_curl.empty()) {
    LL_TRY(write_line(args.print_curl, curl_line(args, url, body)));
  }
  HttpCall call{url.base + "/execute", ask_headers(args), body, args.timeout_s};
  if (!key.empty()) {
    call.headers.push_back("Authorization: Bearer " + key);
  }
  Output output(interrupt);
  const Status done = execute(worker, args, call, output);
  if (output.reader_left()) {
    std::raise(SIGPIPE);  // the end of any program before `| head`; where the signal is ignored an error is told
  }
  if (!done.ok() && !output.empty() && ::isatty(STDOUT_FILENO) != 0) {
    static_cast<void>(output.end_line());  // what the terminal shows next begins a line of its own
  }
  return done;
}

/// What can be refused without a worker; then the prompt, while Ctrl-C still ends the program.
Status prepare(AskArgs& args) {
  LL_TRY(check(args));
  LL_ASSIGN(args.prompt, read_prompt(args.prompt));
  return check(args);
}

int ask_and_tell(AskArgs args) {
  if (const Status good = prepare(args); !good.ok()) {
    return fail(good.error());
  }
  const Interrupt interrupt;
  const Status done = ask(args, interrupt);
  if (done.ok()) {
    return kExitOk;
  }
  if (done.error().code == ErrorCode::cancelled) {
    return kInterrupted;
  }
  std::string_view lines = done.error().message;  // every fault of a request has its own
  for (std::size_t end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
    note(std::string(lines.substr(0, end)));
    lines.remove_prefix(end + 1);
  }
  return fail({done.error().code, std::string(lines)});
}

void add_connection_options(CLI::App& app, AskArgs& args) {
  app.add_option("--wait", args.wait_s, "seconds to wait for a worker that loads or is not there yet")
      ->check(number_in(0, 86400))
      ->capture_default_str();
  app.add_option("--timeout", args.timeout_s, "seconds for the whole answer")
      ->check(number_in(0.001, 86400))
      ->capture_default_str();
  app.add_option("--api-key-file", args.api_key_file, "its first line is sent as the API key")->check(file_name());
  app.add_option("--cacert", args.cacert, "PEM file to check the worker's certificate against")
      ->check(file_name())
      ->check(CLI::ExistingFile);
  app.add_flag("--insecure", args.insecure, "https without checking the certificate");
}

}  // namespace

Verb add_ask(CLI::App& root) {
  auto args = std::make_shared<AskArgs>();
  CLI::App* app = root.add_subcommand("ask", "Asks a worker over HTTP; text on stdout, times on stderr");
  app->add_option("URL", args->url, "http://HOST:PORT, https://HOST:PORT or unix:PATH")->required();
  app->add_option("PROMPT", args->prompt,
                  "sent as a chat message when the model can chat, else as it is; -: all of standard input")
      ->required();
  app->add_option("--system", args->system, "system message before it");
  app->add_flag("--raw", args->raw, "no chat template: the prompt as it is");
  app->add_option("--format", args->format, "how the answer comes: sse or ndjson (streamed), json (one object)")
      ->check(CLI::IsMember({"sse", "ndjson", "json"}))
      ->capture_default_str();
  app->add_option("--job-id", args->job_id, "name of the request, 1 to 128 bytes; default: drawn anew each time")
      ->check(bytes_in(1, kMaxJobIdBytes));
  app->add_option("--print-curl", args->print_curl, "writes a curl line that asks the same to this file")
      ->check(file_name());
  add_connection_options(*app, *args);
  add_request_options(*app, args->sampling);
  app->footer(
      "Sampling options that are not given are the worker's choice.\n"
      "Exit codes: 0 done, 1 the worker refused or failed, 2 bad arguments, 5 no connection, or it was lost; 130 "
      "Ctrl-C.");
  return {app, [args] { return ask_and_tell(*args); }};
}

}  // namespace llorch::cli
