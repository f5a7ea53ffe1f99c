// Routes and what they do; api.h says what it promises.
#include "server/api.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "tokenizer/chat.h"

namespace llorch {
namespace {

void respond_errors(ResponseWriter& writer, const std::vector<FieldError>& errors) {
  writer.respond(400, {{"Content-Type", "application/json"}}, errors_body(errors));
}

AnswerFormat format_for(const HttpRequest& http, const ExecuteRequest& request) {
  if (!request.stream) {
    return AnswerFormat::single;
  }
  const bool ndjson = http.header("accept").find("application/x-ndjson") != std::string_view::npos;
  return ndjson ? AnswerFormat::ndjson : AnswerFormat::sse;
}

void refuse_method(ResponseWriter& writer, const HttpRequest& request, const char* allowed) {
  respond_error(
      writer, 405,
      {"METHOD_NOT_ALLOWED", fmt::format("{} takes {}, not {}", request.path, allowed, request.method), false},
      {{"Allow", allowed}});
}

}  // namespace

TaskThread::TaskThread(const char* name)
    : thread_([this, name] {
        ::pthread_setname_np(::pthread_self(), name);
        run();
      }) {}

TaskThread::~TaskThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TaskThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void TaskThread::run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      if (tasks_.empty()) {
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

Api::Api(std::string worker_id, int max_tokens_out, Log& log)
    : worker_id_(std::move(worker_id)), max_tokens_out_(max_tokens_out), log_(&log) {}

void Api::ready(ModelInfo info, const Tokenizer& tokenizer, EngineThread& engine) {
  info_ = std::move(info);
  tokenizer_ = &tokenizer;
  engine_ = &engine;
  state_ = State::healthy;
}

void Api::handle(HttpRequest request, std::shared_ptr<ResponseWriter> writer) {
  if (request.path == "/health") {
    if (request.method == "GET" || request.method == "HEAD") {
      health(*writer);
    } else {
      refuse_method(*writer, request, "GET");
    }
  } else if (state_ == State::loading) {
    respond_error(*writer, 503, {"LOADING", "the model is being loaded", true}, {{"Retry-After", "1"}});
  } else if (request.path != "/execute") {
    respond_error(*writer, 404, {"NOT_FOUND", fmt::format("there is no {}", request.path), false});
  } else if (request.method != "POST") {
    refuse_method(*writer, request, "POST");
  } else {
    front_.post([this, request = std::move(request), writer] { execute(request, writer); });
  }
}

void Api::health(ResponseWriter& writer) const {
  const State state = state_;
  nlohmann::ordered_json json;
  if (state == State::loading) {
    json = {{"status", "loading"}, {"progress", progress_.load()}};
  } else {
    const EngineStats stats = engine_->stats();
    const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - started_;
    json = {{"status", state == State::draining ? "draining" : "healthy"},
            {"model", info_.name},
            {"worker_id", worker_id_},
            {"backend", info_.backend},
            {"resident", true},
            {"quant_kind", info_.quant_kind},
            {"vram_bytes_used", info_.model_bytes},
            {"tokenizer_kind", info_.tokenizer_kind},
            {"vocab_size", info_.vocab},
            {"context_length", info_.context},
            {"chat", info_.chat},
            {"uptime_seconds", static_cast<std::int64_t>(uptime.count())},
            {"deterministic", info_.deterministic},
            {"requests_running", stats.running},
            {"requests_waiting", stats.waiting}};
  }
  writer.respond(state == State::healthy ? 200 : 503,
                 {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                 json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void Api::execute(const HttpRequest& http, const std::shared_ptr<ResponseWriter>& writer) {
  if (writer->closed()) {
    return;
  }
  auto parsed = parse_execute_request(http.body, {.max_tokens = max_tokens_out_, .vocab = info_.vocab});
  if (const auto* errors = std::get_if<std::vector<FieldError>>(&parsed)) {
    respond_errors(*writer, *errors);
    return;
  }
  const auto& body = std::get<ExecuteRequest>(parsed);
  Request request;
  if (encode(body, *writer, request) && fit(body, *writer, request)) {
    request.id = body.job_id;
    request.sampling = body.sampling;
    request.stop = body.stop;
    submit(std::move(request), format_for(http, body), writer);
  }
}

/// Text to tokens; false when the client was told why not.
bool Api::encode(const ExecuteRequest& request, ResponseWriter& writer, Request& out) const {
  out.continues_text = request.messages.empty();
  if (request.messages.empty()) {
    out.prompt = tokenizer_->encode(request.prompt, {.parse_special = request.parse_special, .add_special = true});
    return true;
  }
  Result<std::vector<std::int32_t>> ids = encode_chat(*tokenizer_, info_.chat_template, request.messages);
  if (!ids.ok()) {
    const char* hint = ids.error().code == ErrorCode::unsupported ? " (the field prompt)" : "";
    respond_errors(writer, {{"messages", "template", ids.error().message + hint, ""}});
    return false;
  }
  out.prompt = std::move(*ids);
  return true;
}

/// Prompt and answer must fit into the context; false when the client was told why not.
bool Api::fit(const ExecuteRequest& request, ResponseWriter& writer, Request& out) const {
  const char* field = request.messages.empty() ? "prompt" : "messages";
  const std::int64_t prompt = static_cast<std::int64_t>(out.prompt.size());
  const std::int64_t room = info_.context - prompt;
  if (prompt == 0) {
    respond_errors(writer, {{field, "min_tokens(1)", "has no token", ""}});
    return false;
  }
  if (room < 1) {
    const auto message = fmt::format("has {} tokens, which leaves no room for an answer in the context of {} tokens",
                                     prompt, info_.context);
    respond_errors(writer, {{field, fmt::format("max_tokens({})", info_.context - 1), message, ""}});
    return false;
  }
  if (request.max_tokens.value_or(1) > room) {
    const auto message = fmt::format("must be at most {}: the prompt has {} tokens and the context holds {}", room,
                                     prompt, info_.context);
    const std::string value = std::to_string(*request.max_tokens);
    respond_errors(writer, {{"max_tokens", fmt::format("range(1,{})", room), message, value}});
    return false;
  }
  // Where the context is the nearer limit, the engine ends at it and says so.
  out.max_tokens = request.max_tokens.value_or(max_tokens_out_ < room ? max_tokens_out_ : 0);
  return true;
}

void Api::submit(Request request, AnswerFormat format, const std::shared_ptr<ResponseWriter>& writer) {
  const std::string job_id = request.id;
  const int prompt_tokens = static_cast<int>(request.prompt.size());
  const AnswerInfo info{job_id, info_.name, request.sampling.seed, prompt_tokens, info_.model_bytes};
  const auto sink =
      std::make_shared<ExecuteSink>(format, info, writer, [log = log_, job_id, prompt_tokens](const Outcome& o) {
        log->event(LogLevel::info, "request_done",
                   {{"job_id", job_id},
                    {"result", o.result},
                    {"prompt_tokens", std::int64_t{prompt_tokens}},
                    {"tokens_out", std::int64_t{o.tokens_out}},
                    {"queue_ms", o.queue_ms},
                    {"total_ms", o.total_ms}});
      });
  const auto added = [sink, writer](const Status& status) {
    if (status.ok()) {
      sink->accepted();
    } else {
      respond_error(*writer, 400, to_api_error(status.error()));
    }
  };
  EngineThread::Ticket ticket = 0;
  switch (engine_->add(std::move(request), sink, added, ticket)) {
    case EngineThread::Refused::in_flight:
      respond_error(*writer, 409, {"CONFLICT", fmt::format("the job '{}' is in flight", job_id), true});
      break;
    case EngineThread::Refused::draining:
      respond_error(*writer, 503, {"DRAINING", "the worker is shutting down", true});
      break;
    case EngineThread::Refused::no:
      writer->on_close([engine = engine_, ticket] {
        engine->cancel(ticket, {ErrorCode::cancelled, "the client has gone"});
      });
  }
}

}  // namespace llorch
