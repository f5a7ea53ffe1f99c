// Api: the worker's routes. A request comes in on the HTTP thread; the body of an /execute is parsed on one thread and
// its prompt tokenised on another, and then goes to the engine's thread. Long bodies have two threads of their own, so
// that they keep neither short ones nor the /cancel of another job waiting.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/api_keys.h"
#include "server/early_cancels.h"
#include "server/engine_thread.h"
#include "server/events.h"
#include "server/execute_request.h"
#include "server/http.h"
#include "server/jobs.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/request_trace.h"
#include "server/task_thread.h"
#include "server/timers.h"
#include "tokenizer/chat.h"

namespace llorch {

/// Bodies from this size on are parsed and prepared on threads of their own.
inline constexpr std::size_t kLongBodyBytes = 64 << 10;
inline bool is_long(const HttpRequest& request) {
  return request.body.size() > kLongBodyBytes;
}

/// What clients may know of the loaded model.
struct ModelInfo {
  std::string name;
  std::string backend;         // "cpu:avx512"
  std::string quant_kind;      // the format that holds most of the model's bytes: "Q4_K"
  std::string digest;          // of its files, 32 hexadecimal digits; empty: they were not verified
  std::string tokenizer_kind;  // "gguf-bpe"
  std::int64_t model_bytes = 0;
  int vocab = 0;
  int context = 0;
  bool deterministic = false;
  bool chat = false;  // messages can be rendered
};

struct ApiOptions {
  std::string worker_id;
  int max_tokens_out = 2048;
  Jobs::Limits jobs;
  ApiKeys keys;
  bool log_prompts = false;
  std::chrono::milliseconds heartbeat_timeout{60'000};  // a step that takes longer makes the worker unhealthy
};

class Api {
 public:
  /// `shut_down` is called when a client asks for it: POST /shutdown.
  Api(ApiOptions options, Log& log, std::function<void()> shut_down);
  /// Aborts what is in flight; the engine may outlive it.
  ~Api();

  /// The gate of the HTTP server: answers what can be refused without its body, and returns false then.
  bool admit(const HttpRequest& head, ResponseWriter& writer);
  /// The handler of the HTTP server, for what was admitted.
  void handle(HttpRequest request, std::shared_ptr<ResponseWriter> writer);
  /// 0..1 of the model is loaded.
  void set_progress(double progress) { progress_ = progress; }
  /// The model is loaded. `tokenizer`, `chat` and `engine` must outlive this object.
  void ready(ModelInfo info, const Tokenizer& tokenizer, const ChatTemplates& chat, EngineThread& engine);
  /// Whether everything the model needs is on its device, as of the last check.
  void set_resident(bool resident) { resident_ = resident; }
  /// Looks for that again every `interval`; `backend` must outlive this object.
  void watch_residency(const Backend& backend, std::chrono::milliseconds interval);
  /// No new work from here on; waits until all jobs have ended, and aborts what is left after `patience`.
  void drain(std::chrono::milliseconds patience);

 private:
  static constexpr std::string_view kExecutePath = "/execute";
  enum class State : std::uint8_t { loading, healthy, draining };
  struct Execution;
  class Place;

  void health(ResponseWriter& writer) const;
  void metrics_text(ResponseWriter& writer);
  void trace(const std::string& path, ResponseWriter& writer) const;
  void execute(HttpRequest request, std::shared_ptr<ResponseWriter> writer);
  void cancel(const HttpRequest& request, ResponseWriter& writer);
  void text(const HttpRequest& http, ResponseWriter& writer) const;
  void tokenize(std::string_view body, ResponseWriter& writer) const;
  void detokenize(std::string_view body, ResponseWriter& writer) const;
  void apply_template(std::string_view body, ResponseWriter& writer) const;
  void parse(const HttpRequest& http, const std::shared_ptr<ResponseWriter>& writer, Place& place);
  void prepare(Execution& execution);
  bool encode(Execution& execution) const;
  bool fit(Execution& execution) const;
  void note_refusal(std::string_view path, int status, const std::string& code, const std::string& reason = "");
  void refuse(ResponseWriter& writer, std::string_view path, int status, const ApiError& error,
              HttpHeaders headers = {});
  void refuse_job(ResponseWriter& writer, Jobs::Refused why, const std::string& job_id);
  void log_accepted(const Execution& execution);

  ApiOptions options_;
  Log* log_;
  std::function<void()> shut_down_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<State> state_{State::loading};
  std::atomic<double> progress_{0};
  std::atomic<bool> resident_{true};
  // Written before state_ leaves `loading`, read after.
  ModelInfo info_;
  const Tokenizer* tokenizer_ = nullptr;
  const ChatTemplates* chat_ = nullptr;
  EngineThread* engine_ = nullptr;
  Metrics metrics_;
  TraceStore traces_;
  Timers timers_;
  Jobs jobs_;
  std::atomic<int> parsing_{0};  // bodies that wait to be parsed
  EarlyCancels early_cancels_;   // of the long ones of them
  // Each posts to those above it, so it ends before them.
  TaskThread prepare_{"llorch-prompts"};
  TaskThread prepare_long_{"llorch-long"};
  TaskThread parse_long_{"llorch-bodies"};
  TaskThread parse_{"llorch-parse"};
};

}  // namespace llorch
