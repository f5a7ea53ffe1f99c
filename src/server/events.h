// Events of POST /execute, and errors, as JSON, in the three shapes in which a client may want them.
#pragma once

#include <cstdint>
#include <string>

#include "engine/request.h"
#include "server/http.h"

namespace llorch {

/// An error as clients see it.
struct ApiError {
  std::string code;  // "INTERNAL"
  std::string message;
  bool retriable = false;
};
ApiError to_api_error(const Error& error);
/// The HTTP status of a failure that comes before any byte of the answer.
int status_of(ErrorCode code);
/// {"code":...,"message":...,"retriable":...}
std::string error_body(const ApiError& error);
/// Answers with an error's body.
void respond_error(ResponseWriter& writer, int status, const ApiError& error, HttpHeaders headers = {});

enum class AnswerFormat : std::uint8_t { sse, ndjson, single };

/// What an answer tells of its request.
struct AnswerInfo {
  std::string model;
  std::uint64_t seed = 0;
  int prompt_tokens = 0;
  std::int64_t vram_bytes = 0;  // held by the model on its device
  std::string started_at;       // 2026-01-15T20:00:00Z
};
std::string utc_now();

/// One event in the framing of a stream (not AnswerFormat::single).
std::string started_event(AnswerFormat format, const std::string& job_id, const AnswerInfo& info);
std::string token_event(AnswerFormat format, const std::string& text, int index);
std::string metrics_event(AnswerFormat format, double tokens_per_sec, std::int64_t vram_bytes);
std::string end_event(AnswerFormat format, const EndEvent& end);
std::string error_event(AnswerFormat format, const ApiError& error);
/// The one object of a request without a stream: fields of `started` and `end`, and the text.
std::string single_answer(const std::string& job_id, const AnswerInfo& info, const std::string& text,
                          const EndEvent& end);

}  // namespace llorch
