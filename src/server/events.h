// Events of POST /execute as JSON, in the three shapes in which a client may want them. ExecuteSink is the engine's way
// back: it turns a request's events into bytes of its answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
/// {"code":...,"message":...,"retriable":...}
std::string error_body(const ApiError& error);
/// Answers with an error's body.
void respond_error(ResponseWriter& writer, int status, const ApiError& error, HttpHeaders headers = {});

enum class AnswerFormat : std::uint8_t { sse, ndjson, single };

/// What an answer tells of its request.
struct AnswerInfo {
  std::string job_id;
  std::string model;
  std::uint64_t seed = 0;
  int prompt_tokens = 0;
  std::int64_t vram_bytes = 0;  // held by the model on its device
};

/// How a request ended, for the log: "end", "error" ..., tokens and milliseconds.
struct Outcome {
  std::string result;  // MAX_TOKENS, EOS ..., or an error's code
  int tokens_out = 0;
  double queue_ms = 0;
  double total_ms = 0;
};

/// Streams: started, token*, metrics, then end or error. Single: one object when all is done.
class ExecuteSink final : public Sink {
 public:
  /// `done` is called once, after the last event.
  ExecuteSink(AnswerFormat format, AnswerInfo info, std::shared_ptr<ResponseWriter> writer,
              std::function<void(const Outcome&)> done);
  /// The engine has taken the request: the answer's header goes out.
  void accepted();

  void on_start() override;
  void on_text(const std::string& text, int index) override;
  void on_end(const EndEvent& end) override;
  void on_error(const Error& error) override;

 private:
  AnswerFormat format_;
  AnswerInfo info_;
  std::shared_ptr<ResponseWriter> writer_;
  std::function<void(const Outcome&)> done_;
  std::string started_at_;
  std::string text_;  // of a single answer
  int tokens_out_ = 0;
};

}  // namespace llorch
