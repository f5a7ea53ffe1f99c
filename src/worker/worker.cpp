// What a worker does from its first line to its last; worker.h says what it promises.
#include "worker/worker.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <new>

#include "base/exit_code.h"
#include "base/format.h"
#include "base/standard_streams.h"
#include "engine/loaded_model.h"
#include "server/api.h"
#include "server/http.h"
#include "server/listener.h"
#include "worker/callback.h"
#include "worker/progress_bar.h"
#include "worker/service_manager.h"
#include "worker/signals.h"

namespace llorch {
namespace {

constexpr std::chrono::milliseconds kFlushTime{400};  // for the last bytes of answers that have ended
constexpr std::chrono::milliseconds kStepTime{300};   // for the engine's step under way, whose jobs have ended
constexpr double kMib = 1024.0 * 1024.0;
constexpr const char* kTooLittleMemory = "the host has too little memory";

/// The contract's name for what ended a start.
std::string name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "INVALID_REQUEST";
    case ErrorCode::model_file:
    case ErrorCode::unsupported:
      return "MODEL_LOAD_FAILED";
    case ErrorCode::out_of_memory:
      return "INSUFFICIENT_VRAM";
    case ErrorCode::device:
      return "DEVICE_UNAVAILABLE";
    case ErrorCode::io:
      return "IO_ERROR";
    default:
      return "INTERNAL";
  }
}

/// Says on stderr why the worker ends: a sentence for people, an event for machines.
int fail(const Daemon& daemon, Log& log, const Error& error) {
  const int code = exit_code(error.code);
  if (log.format() == LogFormat::json) {
    log.event(LogLevel::error, "exit",
              {{"exit_code", std::int64_t{code}}, {"code", name_of(error.code)}, {"message", error.message}});
  } else {
    const char* begin = ::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "";  // a progress bar may stand there
    std::fputs(fmt::format("{}{}: {}\n", begin, daemon.name, error.message).c_str(), stderr);  // it may be closed
  }
  return code;
}

/// The format that holds most of the model's bytes.
std::string main_format(const Checkpoint& checkpoint) {
  std::map<DType, std::size_t> bytes;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    bytes[tensor.type] += tensor.data.size();
  }
  const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto most = std::max_element(bytes.begin(), bytes.end(), less);
  return most == bytes.end() ? "" : std::string(format_of(most->first).name);
}

ModelInfo info_of(const LoadedModel& model) {
  return {.name = model.files.name,
          .backend = std::string(model.backend->name()),
          .quant_kind = main_format(*model.files.checkpoint),
          .digest = model.digest,
          .tokenizer_kind = std::string(model.tokenizer->kind()),
          .model_bytes = model.backend->memory().model_bytes,
          .vocab = model.tokenizer->vocab_size(),
          .context = model.context,
          .deterministic = model.backend->deterministic(),
          .chat = model.chat.usable()};
}

/// Every quarter is an event; on a terminal a bar moves in between.
class LoadProgress {
 public:
  LoadProgress(const WorkerOptions& options, Api& api, Log& log)
      : model_(&options.model), api_(&api), log_(&log), bar_(::isatty(STDERR_FILENO) == 1) {}

  void operator()(double share) {
    api_->set_progress(share);
    for (; next_ <= 100 && share * 100 >= next_; next_ += 25) {
      log_->event(LogLevel::info, "model_load_progress", {{"progress", std::int64_t{next_}}, {"model", *model_}});
    }
    if (bar_) {
      draw_progress(share);
    }
  }

 private:
  const std::string* model_;
  Api* api_;
  Log* log_;
  bool bar_;
  int next_ = 0;  // per cent
};

Result<LoadedModel> load(const WorkerOptions& options, Api& api, Log& log) {
  LoadOptions load;
  load.device = options.device;
  load.backend = {.n_threads = options.threads,
                  .activations = options.activations,
                  .kv_type = options.kv_type,
                  .repack = options.repack};
  load.context = options.context;
  load.max_sequences = options.max_sequences;
  load.kv_cache_bytes = options.kv_cache_mb << 20U;
  load.copy_files = true;
  load.verify = options.verify;
  load.manifest = options.manifest;
  load.chat_template = options.chat_template;
  load.progress = LoadProgress(options, api, log);
  LL_ASSIGN(LoadedModel model, load_model(options.model, load));
  if (model.context_lowered) {
    log.event(LogLevel::warn, "context_lowered",
              {{"asked", std::int64_t{options.context}}, {"context", std::int64_t{model.context}}});
  }
  for (const std::string& warning : model.tokenizer->warnings()) {
    log.event(LogLevel::warn, "tokenizer", {{"message", warning}});
  }
  for (const std::string& problem : model.chat.problems()) {
    log.event(LogLevel::warn, "chat_template", {{"message", problem}});
  }
  if (const int held = model.kv.most_tokens(model.context); held < model.context) {
    log.event(LogLevel::warn, "context_lowered",
              {{"asked", std::int64_t{model.context}}, {"context", std::int64_t{held}}, {"reason", "KV cache"}});
    model.context = held;
  }
  return model;
}

std::unique_ptr<Engine> make_engine(const LoadedModel& model, const WorkerOptions& options) {
  const EngineOptions engine{.context = model.context, .max_sequences = options.max_sequences};
  return std::make_unique<Engine>(*model.backend, *model.tokenizer, model.plan.spec.vocab, model.kv, engine);
}

ApiOptions api_options(const WorkerOptions& o) {
  return {.worker_id = o.worker_id,
          .max_tokens_out = o.max_tokens_out,
          .jobs = {.in_flight = o.max_sequences + o.max_queue, .timeout = ms(o.inference_timeout_s)},
          .keys = o.keys,
          .log_prompts = o.log_prompts,
          .heartbeat_timeout = ms(o.heartbeat_timeout_s)};
}

/// A URL as logs may show it: who is asked, not the password or token.
std::string without_secrets(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t end = std::min(url.find_first_of("?#"), url.size());
  const std::size_t path = std::min(url.find('/', host), end);
  const std::size_t at = url.rfind('@', path);
  const std::size_t from = at == std::string::npos || at < host ? host : at + 1;
  return url.substr(0, host) + url.substr(from, end - from);
}

Status report_ready(const WorkerOptions& options, const ModelInfo& info, const std::string& uri, Log& log) {
  if (options.callback_url.empty()) {
    return {};
  }
  const ReadyReport report{options.worker_id, info.model_bytes,
                           options.advertise_url.empty() ? uri : options.advertise_url};
  const std::string shown = without_secrets(options.callback_url);
  const Status status = post_ready(options.callback_url, report, [&](int attempt, const std::string& why) {
    log.event(LogLevel::warn, "callback_failed",
              {{"attempt", std::int64_t{attempt}}, {"url", shown}, {"message", why}});
  });
  if (!status.ok()) {
    return errorf(status.error().code, "the ready callback to {}: {}", shown, status.error().message);
  }
  return {};
}

/// The last line of a worker that a signal ends at once.
void say_stopped(Log& log, int signal) {
  log.event(LogLevel::info, "stopped", {{"signal", std::string(::sigabbrev_np(signal))}});
  log.close();
}

/// Serves until a signal, or POST /shutdown, and until everything under way has ended or its time is over.
void serve(const WorkerOptions& options, const ModelInfo& info, StopSignal& stop, Api& api, HttpServer& http,
           Log& log) {
  log.event(LogLevel::info, "ready",
            {{"worker_id", options.worker_id},
             {"uri", http.uri()},
             {"model", info.name},
             {"backend", info.backend},
             {"context", std::int64_t{info.context}},
             {"model_mib", static_cast<double>(info.model_bytes) / kMib}});
  notify_service_manager("READY=1\nSTATUS=serving " + info.name + " at " + http.uri());
  stop.wait();
  notify_service_manager("STOPPING=1\nSTATUS=draining");
  log.event(LogLevel::info, "draining", {{"timeout_s", options.drain_timeout_s}});
  api.drain(ms(options.drain_timeout_s));
  http.stop(kFlushTime);
}

/// Takes as many descriptors as the system lets us have, each connection being one; of `wanted` connections returns how
/// many there can be beside files and threads.
int raise_descriptor_limit(int wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return wanted;
  }
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit most{limit.rlim_max, limit.rlim_max};
    limit.rlim_cur = ::setrlimit(RLIMIT_NOFILE, &most) == 0 ? limit.rlim_max : limit.rlim_cur;
  }
  constexpr rlim_t kOthers = 64;
  const rlim_t others = std::min(kOthers, limit.rlim_cur / 2);
  return static_cast<int>(std::min<rlim_t>(static_cast<rlim_t>(wanted), std::max<rlim_t>(limit.rlim_cur - others, 1)));
}

int run(const Daemon& daemon, const WorkerOptions& options, StopSignal& stop, Log& log) {
  // In the order in which each may be destroyed last: the server stops before what its handler uses goes.
  Result<LoadedModel> model = Error{ErrorCode::internal, "not loaded"};
  std::unique_ptr<EngineThread> engine;
  Api api(api_options(options), log, [&stop] { stop.raise(); });
  auto http = HttpServer::start(
      options.http, [&api](const HttpRequest& head, ResponseWriter& writer) { return api.admit(head, writer); },
      [&api](HttpRequest request, std::shared_ptr<ResponseWriter> writer) {
        api.handle(std::move(request), std::move(writer));
      });
  if (!http.ok()) {
    return fail(daemon, log, http.error());
  }
  stop.set_cleanup([&options, &log](int signal) {
    remove_socket_file(options.http.host);
    say_stopped(log, signal);
  });
  std::puts(fmt::format("llorch: listening on {}", (*http)->uri()).c_str());
  std::fflush(stdout);
  model = load(options, api, log);
  if (!model.ok()) {
    return fail(daemon, log, model.error());
  }
  if (const Status status = model->backend->check_resident(); !status.ok()) {
    return fail(daemon, log, status.error());
  }
  engine = std::make_unique<EngineThread>(make_engine(*model, options));
  const ModelInfo info = info_of(*model);
  if (const Status status = report_ready(options, info, (*http)->uri(), log); !status.ok()) {
    return fail(daemon, log, status.error());
  }
  stop.set_drains();
  api.ready(info, *model->tokenizer, model->chat, *engine);
  api.watch_residency(*model->backend, ms(options.residency_interval_s));
  serve(options, info, stop, api, **http, log);
  stop.set_cleanup([&log](int signal) { say_stopped(log, signal); });  // the socket's file is gone, or another worker's
  if (!engine->stop(kStepTime)) {
    log.event(LogLevel::warn, "stopped", {{"message", "the engine's step under way was left behind"}});
    log.close();
    std::_Exit(0);  // every client has its answer; to wait for the step would break the promise of the drain timeout
  }
  log.event(LogLevel::info, "stopped");
  return 0;
}

int run_caught(const Daemon& daemon, const WorkerOptions& options, StopSignal& stop, Log& log) {
  try {
    return run(daemon, options, stop, log);
  } catch (const std::bad_alloc&) {
    return fail(daemon, log, {ErrorCode::out_of_memory, kTooLittleMemory});
  } catch (const std::exception& error) {
    return fail(daemon, log, {ErrorCode::internal, error.what()});
  }
}

}  // namespace

int worker_main(const Daemon& daemon, int argc, const char* const* argv) try {
  open_standard_streams();
  ParsedOptions parsed = parse_options(daemon, argc, argv);
  if (!parsed.options) {
    return parsed.exit_code;
  }
  int& connections = parsed.options->http.max_connections;
  const int allowed = raise_descriptor_limit(connections);
  StopSignal stop;  // before the log, which has a thread
  Log log(parsed.options->log_format, parsed.options->log_level);
  stop.set_cleanup([&log](int signal) { say_stopped(log, signal); });
  if (allowed < connections) {
    log.event(LogLevel::warn, "max_connections",
              {{"message", fmt::format("lowered from {} to {}: the process may open no more files (ulimit -n)",
                                       connections, allowed)}});
    connections = allowed;
  }
  const int code = run_caught(daemon, *parsed.options, stop, log);
  stop.set_cleanup(nullptr);  // the log goes first
  if (!log.close()) {
    std::_Exit(code);
  }
  return code;
} catch (const std::exception& error) {  // outside of what run_caught() sees, where memory or threads may be short
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  std::fputs(fmt::format("{}: {}\n", daemon.name, memory ? kTooLittleMemory : error.what()).c_str(), stderr);
  return kExitDevice;
}

}  // namespace llorch
