// The events of one request, in order and once; job.h says what it promises.
#include "server/job.h"

#include <utility>

namespace llorch {
namespace {

double seconds_between(Job::Clock::time_point from, Job::Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

Outcome outcome_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::cancelled:
      return Outcome::cancelled;
    case ErrorCode::timeout:
      return Outcome::timeout;
    default:
      return Outcome::failed;
  }
}

}  // namespace

Job::Job(std::string id, Options options, std::shared_ptr<ResponseWriter> writer, Metrics& metrics,
         std::function<void(const JobReport&)> ended)
    : id_(std::move(id)),
      options_(options),
      writer_(std::move(writer)),
      metrics_(&metrics),
      ended_call_(std::move(ended)),
      trace_(options.trace ? std::make_shared<RequestTrace>(id_) : nullptr) {}

Job::~Job() {
  finish({.outcome = Outcome::failed, .result = "INTERNAL", .reason = "dropped without an answer"});
}

bool Job::begin(AnswerInfo info) {
  const std::lock_guard lock(mutex_);
  info_ = std::move(info);
  begun_ = true;
  if (options_.format != AnswerFormat::single && !ended_) {
    begin_stream();
    writer_->write(started_event(options_.format, id_, info_));
  }
  if (aborted_) {
    fail(*aborted_);
  }
  return !ended_;
}

void Job::begin_stream() {
  const char* type = options_.format == AnswerFormat::sse ? "text/event-stream" : "application/x-ndjson";
  writer_->begin(200, {{"Content-Type", type}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}});
}

void Job::attach(EngineThread& engine, EngineThread::Ticket ticket) {
  const std::lock_guard lock(mutex_);
  engine_ = &engine;
  ticket_ = ticket;
  if (ended_) {
    detach();
  }
}

void Job::set_prompt_tokens(int n) {
  const std::lock_guard lock(mutex_);
  info_.prompt_tokens = n;
}

void Job::refuse(const std::vector<FieldError>& errors) {
  const std::lock_guard lock(mutex_);
  if (aborted_) {
    fail(*aborted_);
  } else if (finish({.outcome = Outcome::rejected, .result = "INVALID_REQUEST", .reason = reason_of(errors)})) {
    metrics_->refused("INVALID_REQUEST");
    respond_errors(*writer_, errors);
  }
}

void Job::abort(Failure why) {
  const std::lock_guard lock(mutex_);
  if (!begun_) {
    aborted_ = aborted_.value_or(std::move(why));
    if (writer_->closed()) {
      fail(*aborted_);
    }
    return;
  }
  fail(why);
  detach();
}

bool Job::aborted() const {
  const std::lock_guard lock(mutex_);
  return aborted_.has_value();
}

bool Job::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

void Job::end_now() {
  const std::lock_guard lock(mutex_);
  if (aborted_ && !begun_ && !ended_) {
    if (options_.format != AnswerFormat::single) {
      begin_stream();
      begun_ = true;
    }
    fail(*aborted_);
  }
}

/// The engine need not go on.
void Job::detach() {
  if (engine_ != nullptr) {
    engine_->cancel(ticket_, {ErrorCode::cancelled, "its job has ended"});
    engine_ = nullptr;
  }
}

void Job::on_start() {
  const std::lock_guard lock(mutex_);
  if (ended_) {
    return;
  }
  admitted_at_ = Clock::now();
  metrics_->queue_seconds(seconds_between(accepted_at_, *admitted_at_));
  if (trace_) {
    trace_->add_request_span("queue", accepted_at_, *admitted_at_);
  }
}

void Job::on_step(const StepReport& step) {
  if (trace_) {
    trace_->add_step(step);
  }
}

void Job::on_token(std::int32_t /*id*/, int index) {
  const std::lock_guard lock(mutex_);
  if (ended_) {
    return;
  }
  const auto now = Clock::now();
  if (last_token_at_) {
    metrics_->inter_token_seconds(seconds_between(*last_token_at_, now));
  } else {
    metrics_->first_token_seconds(seconds_between(accepted_at_, now));
    if (trace_ && admitted_at_) {
      trace_->add_request_span("prefill", *admitted_at_, now);
    }
  }
  if (trace_ && last_token_at_) {
    trace_->add_request_span("decode", *last_token_at_, now);
  }
  last_token_at_ = now;
  tokens_out_ = index + 1;
}

void Job::on_text(const std::string& text, int index) {
  const std::lock_guard lock(mutex_);
  if (ended_) {
    return;
  }
  if (options_.format == AnswerFormat::single || options_.keep_text) {
    text_ += text;
  }
  if (options_.format != AnswerFormat::single) {
    writer_->write(token_event(options_.format, text, index));
  }
}

/// Marks the end and tells of it; false when the job had ended before.
bool Job::finish(JobReport report) {
  if (std::exchange(ended_, true)) {
    return false;
  }
  const auto now = Clock::now();
  report.prompt_tokens = info_.prompt_tokens;
  report.tokens_out = tokens_out_;
  report.queue_ms = 1000 * seconds_between(accepted_at_, admitted_at_.value_or(now));
  report.total_ms = 1000 * seconds_between(accepted_at_, now);
  report.text = options_.keep_text ? text_ : "";
  ended_call_(report);
  return true;
}

void Job::on_end(const EndEvent& end) {
  const std::lock_guard lock(mutex_);
  if (!finish({.outcome = Outcome::completed, .result = std::string(to_string(end.reason))})) {
    return;
  }
  engine_ = nullptr;
  if (!last_token_at_) {  // the first token ended it, and was none of the answer
    metrics_->first_token_seconds(seconds_between(accepted_at_, Clock::now()));
  }
  if (options_.format == AnswerFormat::single) {
    writer_->respond(200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                     single_answer(id_, info_, text_, end));
  } else {
    writer_->write(metrics_event(options_.format, end.timings.tokens_per_sec, info_.vram_bytes) +
                   end_event(options_.format, end));
    writer_->end();
  }
}

void Job::on_error(const Error& error) {
  const std::lock_guard lock(mutex_);
  engine_ = nullptr;
  fail(error);
}

void Job::fail(const Failure& why) {
  const Error& error = why.error;
  ApiError api = to_api_error(error);
  api.retriable = api.retriable || why.retriable;
  if (!finish({.outcome = outcome_of(error.code), .result = api.code, .reason = error.message})) {
    return;
  }
  if (options_.format == AnswerFormat::single || !begun_) {
    respond_error(*writer_, status_of(error.code), api);
  } else {
    writer_->write(error_event(options_.format, api));
    writer_->end();
  }
}

}  // namespace llorch
