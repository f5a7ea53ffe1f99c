// What a worker does from its first line to its last; worker.h says what it promises.
#include "worker/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>

#include "base/exit_code.h"
#include "engine/loaded_model.h"
#include "server/api.h"
#include "server/http.h"
#include "worker/signals.h"

namespace llorch {
namespace {

constexpr std::chrono::milliseconds kFlushTime{2'000};  // for the last bytes of answers that have ended
constexpr double kMib = 1024.0 * 1024.0;

/// Says on stderr why the worker ends: a sentence for people, an event for machines.
int fail(const Daemon& daemon, Log& log, const Error& error) {
  const int code = exit_code(error.code);
  if (log.format() == LogFormat::json) {
    log.event(LogLevel::error, "exit", {{"exit_code", std::int64_t{code}}, {"message", error.message}});
  } else {
    fmt::print(stderr, "{}: {}\n", daemon.name, error.message);
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
  const std::string& chat_template = model.files.checkpoint->chat_template;
  return {.name = model.files.name,
          .backend = std::string(model.backend->name()),
          .quant_kind = main_format(*model.files.checkpoint),
          .tokenizer_kind = std::string(model.tokenizer->kind()),
          .chat_template = chat_template,
          .model_bytes = model.backend->memory().model_bytes,
          .vocab = model.tokenizer->vocab_size(),
          .context = model.context,
          .deterministic = model.backend->deterministic(),
          .chat = chat_supported(chat_template)};
}

/// Loads with an event at every quarter.
Result<LoadedModel> load(const WorkerOptions& options, Api& api, Log& log) {
  LoadOptions load;
  load.device = options.device;
  load.backend = {.n_threads = options.threads, .activations = options.activations};
  load.context = options.context;
  load.max_sequences = options.max_sequences;
  load.kv_cache_bytes = options.kv_cache_mb << 20U;
  int next = 0;  // per cent
  load.progress = [&](double share) {
    api.set_progress(share);
    for (; next <= 100 && share * 100 >= next; next += 25) {
      log.event(LogLevel::info, "model_load_progress", {{"progress", std::int64_t{next}}, {"model", options.model}});
    }
  };
  LL_ASSIGN(LoadedModel model, load_model(options.model, load));
  if (model.context_lowered) {
    log.event(LogLevel::warn, "context_lowered",
              {{"asked", std::int64_t{options.context}}, {"context", std::int64_t{model.context}}});
  }
  for (const std::string& warning : model.tokenizer->warnings()) {
    log.event(LogLevel::warn, "tokenizer", {{"message", warning}});
  }
  if (const int held = model.kv_blocks * kKvBlock; held < model.context) {
    log.event(LogLevel::warn, "context_lowered",
              {{"asked", std::int64_t{model.context}}, {"context", std::int64_t{held}}, {"reason", "KV cache"}});
    model.context = held;
  }
  return model;
}

std::unique_ptr<Engine> make_engine(const LoadedModel& model, const WorkerOptions& options) {
  const EngineOptions engine{
      .context = model.context, .max_sequences = options.max_sequences, .n_kv_groups = model.plan.n_kv_groups};
  return std::make_unique<Engine>(*model.backend, *model.tokenizer, model.plan.spec.vocab, model.kv_blocks, engine);
}

/// Serves until a signal comes and everything under way has ended.
void serve(const WorkerOptions& options, const LoadedModel& model, StopSignal& stop, Api& api, HttpServer& http,
           EngineThread& engine, Log& log) {
  stop.set_drains();
  const ModelInfo info = info_of(model);
  api.ready(info, *model.tokenizer, engine);
  log.event(LogLevel::info, "ready",
            {{"worker_id", options.worker_id},
             {"uri", http.uri()},
             {"model", info.name},
             {"backend", info.backend},
             {"context", std::int64_t{info.context}},
             {"model_mib", static_cast<double>(info.model_bytes) / kMib}});
  stop.wait();
  log.event(LogLevel::info, "draining", {{"timeout_s", options.drain_timeout_s}});
  api.drain();
  engine.drain(std::chrono::milliseconds(static_cast<std::int64_t>(options.drain_timeout_s * 1000)));
  http.stop(kFlushTime);
  log.event(LogLevel::info, "stopped");
}

}  // namespace

int worker_main(const Daemon& daemon, int argc, const char* const* argv) {
  const ParsedOptions parsed = parse_options(daemon, argc, argv);
  if (!parsed.options) {
    return parsed.exit_code;
  }
  const WorkerOptions& options = *parsed.options;
  StopSignal stop;
  Log log(options.log_format, options.log_level);
  // In the order in which each may be destroyed last: the server stops before what its handler uses goes.
  Result<LoadedModel> model = Error{ErrorCode::internal, "not loaded"};
  std::unique_ptr<EngineThread> engine;
  Api api(options.worker_id, options.max_tokens_out, log);
  auto http = HttpServer::start({.host = options.host, .port = options.port},
                                [&api](HttpRequest request, std::shared_ptr<ResponseWriter> writer) {
                                  api.handle(std::move(request), std::move(writer));
                                });
  if (!http.ok()) {
    return fail(daemon, log, http.error());
  }
  fmt::print("llorch: listening on {}\n", (*http)->uri());
  std::fflush(stdout);
  model = load(options, api, log);
  if (!model.ok()) {
    return fail(daemon, log, model.error());
  }
  engine = std::make_unique<EngineThread>(make_engine(*model, options));
  serve(options, *model, stop, api, **http, *engine, log);
  return 0;
}

}  // namespace llorch
