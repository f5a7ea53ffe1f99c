// Routes, and all but /execute; api.h says what it promises.
#include "server/api.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace llorch {
namespace {

constexpr std::string_view kTracePrefix = "/debug/trace/";
constexpr std::size_t kMaxCancelBytes = 4 << 10;

const HttpHeaders kJsonHeaders = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};

bool is_text_path(std::string_view path) {
  return path == "/tokenize" || path == "/detokenize" || path == "/apply-template";
}

/// The one method that a path takes; nullptr for an unknown path.
const char* method_of(std::string_view path) {
  if (path == "/health" || path == "/metrics" || path.starts_with(kTracePrefix)) {
    return "GET";
  }
  const bool known = path == "/execute" || path == "/cancel" || path == "/shutdown" || is_text_path(path);
  return known ? "POST" : nullptr;
}

int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/// "a%20b" -> "a b"; what is no such code stays.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    out += low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
    i += low >= 0 ? 2 : 0;
  }
  return out;
}

/// The job id that a body names, or what is wrong with it.
std::variant<std::string, std::vector<FieldError>> parse_cancel(std::string_view body) {
  if (body.size() > kMaxCancelBytes) {
    return std::vector<FieldError>{{"body", "max_length(4096)", "is longer than 4096 bytes", ""}};
  }
  return parse_job_id(body);
}

}  // namespace

Api::Api(ApiOptions options, Log& log, std::function<void()> shut_down)
    : options_(std::move(options)),
      log_(&log),
      shut_down_(std::move(shut_down)),
      jobs_(options_.jobs, timers_, metrics_, log) {}

Api::~Api() {
  jobs_.drain(std::chrono::milliseconds(0));
  timers_.stop();  // it may be ending a job just now
}

void Api::ready(ModelInfo info, const Tokenizer& tokenizer, const ChatTemplates& chat, EngineThread& engine) {
  info_ = std::move(info);
  tokenizer_ = &tokenizer;
  chat_ = &chat;
  engine_ = &engine;
  state_ = State::healthy;
}

void Api::watch_residency(const Backend& backend, std::chrono::milliseconds interval) {
  timers_.every(interval, [this, &backend] {
    const Status status = backend.check_resident();
    set_resident(status.ok());
    if (!status.ok()) {
      log_->event(LogLevel::error, "not_resident", {{"message", status.error().message}});
    }
  });
}

void Api::drain(std::chrono::milliseconds patience) {
  state_ = State::draining;
  jobs_.drain(patience);
}

bool Api::admit(const HttpRequest& head, ResponseWriter& writer) {
  if (head.path != "/health" && !options_.keys.allow(head.header("authorization"))) {
    refuse(writer, head.path, 401, {"UNAUTHORIZED", "this needs the header Authorization: Bearer KEY", false},
           {{"WWW-Authenticate", "Bearer"}});
    return false;
  }
  const char* method = method_of(head.path);
  const bool always = head.path == "/health" || head.path == "/metrics";
  if (state_ == State::loading && !always) {
    const nlohmann::ordered_json body = {
        {"code", "LOADING"}, {"message", "the model is being loaded"}, {"retriable", true}, {"status", "loading"}};
    note_refusal(head.path, 503, "LOADING");
    writer.respond(503, {{"Content-Type", "application/json"}, {"Retry-After", "1"}}, dump_json(body));
  } else if (method == nullptr) {
    refuse(writer, head.path, 404, {"NOT_FOUND", fmt::format("there is no {}", head.path), false});
  } else if (head.method != method && !(head.method == "HEAD" && method == std::string_view("GET"))) {
    const auto message = fmt::format("{} takes {}, not {}", head.path, method, head.method);
    refuse(writer, head.path, 405, {"METHOD_NOT_ALLOWED", message, false}, {{"Allow", method}});
  } else if (head.path == kExecutePath && jobs_.full(parsing_)) {
    refuse_job(writer, Jobs::Refused::full, "");
  } else {
    return true;
  }
  return false;
}

void Api::handle(HttpRequest request, std::shared_ptr<ResponseWriter> writer) {
  if (request.path == "/health") {
    health(*writer);
  } else if (request.path == "/metrics") {
    metrics_text(*writer);
  } else if (request.path == "/shutdown") {
    writer->respond(202, kJsonHeaders, R"({"status":"draining"})");
    log_->event(LogLevel::info, "shutdown_requested");
    shut_down_();
  } else if (request.path == kExecutePath) {
    execute(std::move(request), std::move(writer));
  } else if (is_text_path(request.path)) {
    TaskThread& thread = is_long(request) ? prepare_long_ : prepare_;
    thread.post([this, http = std::move(request), writer] { text(http, *writer); });
  } else if (request.path == "/cancel") {
    // Behind the requests that came before: a client may cancel what it has only just sent.
    parse_.post([this, http = std::move(request), writer] { cancel(http, *writer); });
  } else {
    prepare_.post([this, path = std::move(request.path), writer] { trace(path, *writer); });
  }
}

void Api::health(ResponseWriter& writer) const {
  const State state = state_;
  nlohmann::ordered_json json;
  bool good = state == State::healthy;
  if (state == State::loading) {
    json = {{"status", "loading"}, {"progress", progress_.load()}};
  } else {
    const EngineStats stats = engine_->stats();
    const bool beats = engine_->step_age() <= options_.heartbeat_timeout;
    const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - started_;
    const char* status = !beats || !resident_ ? "unhealthy" : state == State::draining ? "draining" : "healthy";
    good = good && beats && resident_;
    json = {{"status", status},
            {"model", info_.name},
            {"worker_id", options_.worker_id},
            {"backend", info_.backend},
            {"resident", resident_.load()},
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
    if (!info_.digest.empty()) {
      json["model_digest"] = info_.digest;
    }
    if (!beats) {
      json["reason"] = "the engine's step under way does not end";
    } else if (!resident_) {
      json["reason"] = "not all that the model needs is on its device";
    }
  }
  writer.respond(good ? 200 : 503, kJsonHeaders, dump_json(json));
}

void Api::metrics_text(ResponseWriter& writer) {
  Gauges gauges;
  gauges.uptime_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  if (state_ != State::loading) {
    const EngineStats stats = engine_->stats();
    gauges.vram_bytes = info_.model_bytes;
    gauges.running = stats.running;
    gauges.waiting = stats.waiting;
    gauges.kv_used = stats.kv_blocks_used;
    gauges.kv_free = stats.kv_blocks_total - stats.kv_blocks_used;
    gauges.tokens_generated = stats.tokens_generated;
  }
  writer.respond(200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}, {"Cache-Control", "no-store"}},
                 metrics_.text(gauges));
}

void Api::trace(const std::string& path, ResponseWriter& writer) const {
  const std::string job_id = percent_decoded(std::string_view(path).substr(kTracePrefix.size()));
  if (const auto found = traces_.find(job_id)) {
    writer.respond(200, kJsonHeaders, found->json());
    return;
  }
  const auto message = fmt::format(
      "there is no trace of the job '{}'; traces are made on request (\"trace\": true), "
      "and the last {} are kept",
      job_id, TraceStore::kKept);
  respond_error(writer, 404, {"NOT_FOUND", message, false});
}

void Api::cancel(const HttpRequest& request, ResponseWriter& writer) {
  const auto parsed = parse_cancel(request.body);
  if (const auto* errors = std::get_if<std::vector<FieldError>>(&parsed)) {
    respond_errors(writer, *errors);
    return;
  }
  const auto& job_id = std::get<std::string>(parsed);
  early_cancels_.cancel(job_id);
  const bool known = jobs_.cancel(job_id);
  log_->event(LogLevel::info, "cancel", {{"job_id", job_id}, {"known", known}});
  const nlohmann::ordered_json body = {{"job_id", job_id}, {"status", known ? "cancelled" : "unknown"}};
  writer.respond(202, kJsonHeaders, dump_json(body));
}

}  // namespace llorch
