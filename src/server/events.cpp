// JSON of the events; events.h says what it promises.
#include "server/events.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace llorch {
namespace {

using Json = nlohmann::ordered_json;  // fields come in the order in which people read them

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

double three_digits(double value) {
  return std::round(value * 1000) / 1000;
}

/// One event in the stream's framing. `json` begins with "type".
std::string framed(AnswerFormat format, const Json& json) {
  if (format == AnswerFormat::ndjson) {
    return dump(json) + "\n";
  }
  return fmt::format("event: {}\ndata: {}\n\n", json["type"].get_ref<const std::string&>(), dump(json));
}

void add_started(Json& json, const AnswerInfo& info, const std::string& started_at) {
  json["job_id"] = info.job_id;
  json["model"] = info.model;
  json["started_at"] = started_at;
  json["seed"] = info.seed;
  json["prompt_tokens"] = info.prompt_tokens;
}

void add_end(Json& json, const EndEvent& end) {
  const Timings& t = end.timings;
  json["tokens_out"] = end.tokens_out;
  json["decode_time_ms"] = std::llround(t.decode_ms);
  json["stop_reason"] = to_string(end.reason);
  if (end.reason == StopReason::stop_sequence) {
    json["stop_sequence_matched"] = end.stop_sequence;
  }
  json["queue_ms"] = three_digits(t.queue_ms);
  json["prefill_ms"] = three_digits(t.prefill_ms);
  json["ttft_ms"] = three_digits(t.ttft_ms);
  json["prompt_tokens"] = t.prompt_tokens;
  json["cached_tokens"] = t.cached_tokens;
  json["tokens_per_sec"] = three_digits(t.tokens_per_sec);
}

Json error_json(const ApiError& error) {
  return {{"code", error.code}, {"message", error.message}, {"retriable", error.retriable}};
}

/// The HTTP status of a failure that comes before any byte of the answer.
int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::cancelled:
      return 503;
    case ErrorCode::timeout:
      return 504;
    case ErrorCode::out_of_memory:
      return 507;
    default:
      return 500;
  }
}

}  // namespace

ApiError to_api_error(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::unsupported:
      return {"INVALID_REQUEST", error.message, false};
    case ErrorCode::out_of_memory:
      return {"VRAM_OOM", error.message, true};
    case ErrorCode::timeout:
      return {"INFERENCE_TIMEOUT", error.message, true};
    case ErrorCode::cancelled:
      return {"CANCELLED", error.message, false};
    default:
      return {"INTERNAL", error.message, false};
  }
}

std::string error_body(const ApiError& error) {
  return dump(error_json(error));
}

void respond_error(ResponseWriter& writer, int status, const ApiError& error, HttpHeaders headers) {
  headers.emplace_back("Content-Type", "application/json");
  writer.respond(status, headers, error_body(error));
}

ExecuteSink::ExecuteSink(AnswerFormat format, AnswerInfo info, std::shared_ptr<ResponseWriter> writer,
                         std::function<void(const Outcome&)> done)
    : format_(format), info_(std::move(info)), writer_(std::move(writer)), done_(std::move(done)) {}

void ExecuteSink::accepted() {
  if (format_ != AnswerFormat::single) {
    const char* type = format_ == AnswerFormat::sse ? "text/event-stream" : "application/x-ndjson";
    writer_->begin(200, {{"Content-Type", type}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}});
  }
}

void ExecuteSink::on_start() {
  started_at_ = utc_now();
  if (format_ != AnswerFormat::single) {
    Json json = {{"type", "started"}};
    add_started(json, info_, started_at_);
    writer_->write(framed(format_, json));
  }
}

void ExecuteSink::on_text(const std::string& text, int index) {
  tokens_out_ = index + 1;
  if (format_ == AnswerFormat::single) {
    text_ += text;
  } else {
    writer_->write(framed(format_, {{"type", "token"}, {"t", text}, {"i", index}}));
  }
}

void ExecuteSink::on_end(const EndEvent& end) {
  if (format_ == AnswerFormat::single) {
    Json json;
    add_started(json, info_, started_at_);
    json["text"] = text_;
    add_end(json, end);
    writer_->respond(200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, dump(json));
  } else {
    const double rate = three_digits(end.timings.tokens_per_sec);
    Json json = {{"type", "end"}};
    add_end(json, end);
    writer_->write(framed(format_, {{"type", "metrics"}, {"tokens_per_sec", rate}, {"vram_bytes", info_.vram_bytes}}) +
                   framed(format_, json));
    writer_->end();
  }
  done_({std::string(to_string(end.reason)), end.tokens_out, end.timings.queue_ms,
         end.timings.ttft_ms + end.timings.decode_ms});
}

void ExecuteSink::on_error(const Error& error) {
  const ApiError api = to_api_error(error);
  if (format_ == AnswerFormat::single) {
    respond_error(*writer_, status_of(error.code), api);
  } else {
    Json json = {{"type", "error"}};
    json.update(error_json(api));
    writer_->write(framed(format_, json));
    writer_->end();
  }
  done_({api.code, tokens_out_, 0, 0});
}

}  // namespace llorch
