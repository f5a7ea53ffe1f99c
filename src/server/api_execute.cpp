// POST /execute: body -> job -> tokens -> engine; api.h says on which threads.
#include <fmt/format.h>

#include <exception>
#include <utility>

#include "server/accept.h"
#include "server/api.h"
#include "server/chat_request.h"
#include "tokenizer/chat.h"

namespace llorch {
namespace {

AnswerFormat format_for(const HttpRequest& http, const ExecuteRequest& request) {
  if (!request.stream) {
    return AnswerFormat::single;
  }
  const bool ndjson = prefers_ndjson(http.header("accept"));
  return ndjson ? AnswerFormat::ndjson : AnswerFormat::sse;
}

/// What is logged of a prompt, where prompts are asked for.
std::string shown_prompt(const ExecuteRequest& request) {
  return request.chat ? request.chat->messages : request.prompt;
}

}  // namespace

/// A body that waits to be parsed counts as one in flight, until it is parsed or dropped.
class Api::Place {
 public:
  Place(Api& api, bool long_body) : api_(api), number_(long_body ? api.early_cancels_.enter() : 0) { ++api_.parsing_; }
  ~Place() {
    leave();
    --api_.parsing_;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  /// The body has been parsed, and its job can be found; true: it was cancelled before.
  bool leave(const std::string& job_id = "") {
    const std::uint64_t number = std::exchange(number_, 0);
    return number > 0 && api_.early_cancels_.leave(number, job_id);
  }

 private:
  Api& api_;
  std::uint64_t number_;  // 0: not a long body, or it has left
};

struct Api::Execution {
  ExecuteRequest body;
  std::shared_ptr<Job> job;
  bool is_long = false;  // to read its prompt takes a while
  Request request;       // for the engine
};

/// Counts and logs a request that is no job, or not yet one.
void Api::note_refusal(std::string_view path, int status, const std::string& code, const std::string& reason) {
  if (path == kExecutePath) {
    metrics_.refused(code);
  }
  LogFields fields = {{"path", std::string(path)}, {"status", std::int64_t{status}}, {"code", code}};
  if (!reason.empty()) {
    fields.emplace_back("reason", reason);
  }
  log_->event(LogLevel::debug, "request_refused", fields);
}

void Api::refuse(ResponseWriter& writer, std::string_view path, int status, const ApiError& error,
                 HttpHeaders headers) {
  note_refusal(path, status, error.code);
  respond_error(writer, status, error, std::move(headers));
}

void Api::refuse_job(ResponseWriter& writer, Jobs::Refused why, const std::string& job_id) {
  metrics_.ended(Outcome::rejected);
  const HttpHeaders later = {{"Retry-After", "1"}};
  switch (why) {
    case Jobs::Refused::taken:
      refuse(writer, kExecutePath, 409, {"CONFLICT", fmt::format("the job '{}' is in flight", job_id), true});
      break;
    case Jobs::Refused::draining:
      refuse(writer, kExecutePath, 503, {"DRAINING", "the worker is shutting down", true}, later);
      break;
    default:
      refuse(writer, kExecutePath, 503,
             {"QUEUE_FULL", fmt::format("{} requests are in flight", options_.jobs.in_flight), true}, later);
  }
}

void Api::execute(HttpRequest request, std::shared_ptr<ResponseWriter> writer) {
  const auto place = std::make_shared<Place>(*this, is_long(request));
  TaskThread& thread = is_long(request) ? parse_long_ : parse_;
  thread.post([this, http = std::move(request), writer, place] { parse(http, writer, *place); });
}

/// On a parser's thread.
void Api::parse(const HttpRequest& http, const std::shared_ptr<ResponseWriter>& writer, Place& place) {
  if (state_ == State::draining) {  // its time is for what was accepted
    refuse_job(*writer, Jobs::Refused::draining, "");
    return;
  }
  auto parsed = parse_execute_request(
      http.body,
      {.max_tokens = options_.max_tokens_out, .vocab = info_.vocab, .content_forms = chat_->content_forms()});
  if (const auto* errors = std::get_if<std::vector<FieldError>>(&parsed)) {
    metrics_.ended(Outcome::rejected);
    note_refusal(kExecutePath, 400, "INVALID_REQUEST", reason_of(*errors));
    respond_errors(*writer, *errors);
    return;
  }
  const auto execution = std::make_shared<Execution>();
  execution->body = std::move(std::get<ExecuteRequest>(parsed));
  const ExecuteRequest& body = execution->body;
  const Job::Options options{.format = format_for(http, body), .keep_text = options_.log_prompts, .trace = body.trace};
  const Jobs::Opened opened = jobs_.open(body.job_id, options, writer);
  if (!opened.job) {
    refuse_job(*writer, opened.refused, body.job_id);
    return;
  }
  execution->job = opened.job;
  if (place.leave(body.job_id)) {
    jobs_.cancel(body.job_id);
  }
  execution->is_long = is_long(http);
  (execution->is_long ? prepare_long_ : prepare_).post([this, execution] { prepare(*execution); });
}

/// On the prompts' thread.
void Api::prepare(Execution& execution) try {
  const std::shared_ptr<Job>& job = execution.job;
  ExecuteRequest& body = execution.body;
  if (job->ended()) {
    return;
  }
  if (job->aborted() && execution.is_long) {
    job->end_now();
    return;
  }
  if (!encode(execution) || !fit(execution) || job->ended()) {
    return;
  }
  execution.request.sampling = body.sampling;
  execution.request.stop = body.stop;
  execution.request.arrived = job->accepted_at();
  log_accepted(execution);
  const int prompt_tokens = static_cast<int>(execution.request.prompt.size());
  if (job->trace()) {
    traces_.keep(job->id(), job->trace());
    job->trace()->add_request_span("tokenize", job->accepted_at(), Job::Clock::now());
  }
  if (job->begin({info_.name, body.sampling.seed, prompt_tokens, info_.model_bytes, utc_now()})) {
    job->attach(*engine_, engine_->add(std::move(execution.request), job));
  }
} catch (const std::exception& e) {
  execution.job->on_error({ErrorCode::internal, e.what()});
}

void Api::log_accepted(const Execution& execution) {
  const auto room =
      static_cast<std::int64_t>(info_.context) - static_cast<std::int64_t>(execution.request.prompt.size());
  const std::int64_t max_tokens = execution.request.max_tokens > 0 ? execution.request.max_tokens : room;
  LogFields fields = {{"job_id", execution.body.job_id},
                      {"prompt_tokens", static_cast<std::int64_t>(execution.request.prompt.size())},
                      {"max_tokens", max_tokens}};
  if (options_.log_prompts) {
    fields.emplace_back("prompt", shown_prompt(execution.body));
  }
  log_->event(LogLevel::info, "request_accepted", fields);
}

/// Text to tokens; false when the client was told why not.
bool Api::encode(Execution& execution) const {
  const ExecuteRequest& body = execution.body;
  Request& request = execution.request;
  request.continues_text = !body.chat;
  if (!body.chat) {
    request.prompt = tokenizer_->encode(body.prompt, {.parse_special = body.parse_special, .add_special = true});
    return true;
  }
  Result<std::vector<std::int32_t>> ids = chat_->encode(*tokenizer_, *body.chat, local_now());
  if (!ids.ok()) {
    const char* hint = ids.error().code == ErrorCode::unsupported ? " (the field prompt)" : "";
    execution.job->refuse({{field_to_blame(*chat_, *body.chat), "template", ids.error().message + hint, ""}});
    return false;
  }
  request.prompt = std::move(*ids);
  return true;
}

/// Prompt and answer must fit into the context; false when the client was told why not.
bool Api::fit(Execution& execution) const {
  const ExecuteRequest& body = execution.body;
  execution.job->set_prompt_tokens(static_cast<int>(execution.request.prompt.size()));
  const char* field = body.chat ? "messages" : "prompt";
  const std::int64_t prompt = static_cast<std::int64_t>(execution.request.prompt.size());
  const std::int64_t room = info_.context - prompt;
  if (prompt == 0) {
    execution.job->refuse({{field, "min_tokens(1)", "has no token", ""}});
    return false;
  }
  if (room < 1) {
    const auto message = fmt::format("has {} tokens, which leaves no room for an answer in the context of {} tokens",
                                     prompt, info_.context);
    execution.job->refuse({{field, fmt::format("max_tokens({})", info_.context - 1), message, ""}});
    return false;
  }
  if (body.max_tokens.value_or(1) > room) {
    const auto message = fmt::format("must be at most {}: the prompt has {} tokens and the context holds {}", room,
                                     prompt, info_.context);
    const std::string value = std::to_string(*body.max_tokens);
    execution.job->refuse({{"max_tokens", fmt::format("range(1,{})", room), message, value}});
    return false;
  }
  // Where the context is the nearer limit, the engine ends at it and says so.
  const int limit = options_.max_tokens_out;
  execution.request.max_tokens = body.max_tokens.value_or(limit < room ? limit : 0);
  return true;
}

}  // namespace llorch
