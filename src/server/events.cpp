// JSON of the events; events.h says what it promises.
#include "server/events.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace llorch {
namespace {

using Json = nlohmann::ordered_json;  // fields come in the order in which people read them

double three_digits(double value) {
  return std::round(value * 1000) / 1000;
}

/// One event in the stream's framing. `json` begins with "type".
std::string framed(AnswerFormat format, const Json& json) {
  if (format == AnswerFormat::ndjson) {
    return dump_json(json) + "\n";
  }
  return fmt::format("event: {}\ndata: {}\n\n", json["type"].get_ref<const std::string&>(), dump_json(json));
}

void add_started(Json& json, const std::string& job_id, const AnswerInfo& info) {
  json["job_id"] = job_id;
  json["model"] = info.model;
  json["started_at"] = info.started_at;
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

}  // namespace

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::unsupported:
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
    case ErrorCode::device:
      return {"CUDA_ERROR", error.message, false};
    default:
      return {"INTERNAL", error.message, false};
  }
}

std::string error_body(const ApiError& error) {
  return dump_json(error_json(error));
}

void respond_error(ResponseWriter& writer, int status, const ApiError& error, HttpHeaders headers) {
  headers.emplace_back("Content-Type", "application/json");
  writer.respond(status, headers, error_body(error));
}

std::string started_event(AnswerFormat format, const std::string& job_id, const AnswerInfo& info) {
  Json json = {{"type", "started"}};
  add_started(json, job_id, info);
  return framed(format, json);
}

std::string token_event(AnswerFormat format, const std::string& text, int index) {
  return framed(format, {{"type", "token"}, {"t", text}, {"i", index}});
}

std::string metrics_event(AnswerFormat format, double tokens_per_sec, std::int64_t vram_bytes) {
  return framed(format,
                {{"type", "metrics"}, {"tokens_per_sec", three_digits(tokens_per_sec)}, {"vram_bytes", vram_bytes}});
}

std::string end_event(AnswerFormat format, const EndEvent& end) {
  Json json = {{"type", "end"}};
  add_end(json, end);
  return framed(format, json);
}

std::string error_event(AnswerFormat format, const ApiError& error) {
  Json json = {{"type", "error"}};
  json.update(error_json(error));
  return framed(format, json);
}

std::string single_answer(const std::string& job_id, const AnswerInfo& info, const std::string& text,
                          const EndEvent& end) {
  Json json;
  add_started(json, job_id, info);
  json["text"] = text;
  add_end(json, end);
  return dump_json(json);
}

}  // namespace llorch
