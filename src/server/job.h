// Job: one request to /execute from the moment its job id is known to its last event. Tokens come from the engine's
// thread; the end may come from anywhere (a cancel, a timeout, a client that left), and whatever comes first is the
// end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/request.h"
#include "server/engine_thread.h"
#include "server/events.h"
#include "server/execute_request.h"
#include "server/http.h"
#include "server/metrics.h"
#include "server/request_trace.h"

namespace llorch {

/// What is told of a job when it has ended.
struct JobReport {
  Outcome outcome = Outcome::completed;
  std::string result;  // MAX_TOKENS, EOS ..., or an error's code
  std::string reason;  // of what did not complete; no text of a client's
  int prompt_tokens = 0;
  int tokens_out = 0;
  double queue_ms = 0;
  double total_ms = 0;
  std::string text;  // of the answer, where Job::Options::keep_text
};

/// Thread-safe. After the end nothing but its own memory is touched. Streams: started, token*, metrics, then end or
/// error. Single: one object when all is done.
class Job final : public Sink {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    AnswerFormat format = AnswerFormat::sse;
    bool keep_text = false;  // for the log
    bool trace = false;
  };

  /// Why a job fails. `retriable`: whatever the error's code says of that.
  struct Failure {
    Failure(Error failed, bool may_retry = false) : error(std::move(failed)), retriable(may_retry) {}  // NOLINT
    Error error;
    bool retriable;
  };

  /// `ended` is called once, before the client can know of the end.
  Job(std::string id, Options options, std::shared_ptr<ResponseWriter> writer, Metrics& metrics,
      std::function<void(const JobReport&)> ended);
  /// One that never ended counts as failed.
  ~Job() override;

  const std::string& id() const { return id_; }
  Clock::time_point accepted_at() const { return accepted_at_; }
  std::shared_ptr<RequestTrace> trace() const { return trace_; }

  /// The request is good: the answer begins. False when it was aborted by then, and has ended with that.
  bool begin(AnswerInfo info);
  /// The engine has the request under this ticket. Must follow begin().
  void attach(EngineThread& engine, EngineThread::Ticket ticket);
  /// For the log, before begin() or refuse().
  void set_prompt_tokens(int n);
  /// Instead of begin(): the request has faults (400). One that was aborted by then ends with that.
  void refuse(const std::vector<FieldError>& errors);
  /// Ends the job; the engine lets go of it when the step under way has ended. Before begin() a client that still
  /// listens hears of it in begin(), so that its stream has a `started`, or from end_now().
  void abort(Failure why);
  bool aborted() const;
  bool ended() const;
  /// Ends an aborted job that has not begun: the stream is its error alone.
  void end_now();

  void on_start() override;
  void on_step(const StepReport& step) override;
  void on_token(std::int32_t id, int index) override;
  void on_text(const std::string& text, int index) override;
  void on_end(const EndEvent& end) override;
  void on_error(const Error& error) override;

 private:
  bool finish(JobReport report);
  void fail(const Failure& why);
  void detach();
  void begin_stream();

  std::string id_;
  Options options_;
  std::shared_ptr<ResponseWriter> writer_;
  Metrics* metrics_;
  std::function<void(const JobReport&)> ended_call_;
  std::shared_ptr<RequestTrace> trace_;
  Clock::time_point accepted_at_ = Clock::now();

  mutable std::mutex mutex_;  // of all below, and of the order of events
  AnswerInfo info_;
  std::string text_;  // of a single answer, or for the log
  std::optional<Failure> aborted_;
  bool begun_ = false;
  bool ended_ = false;
  int tokens_out_ = 0;
  std::optional<Clock::time_point> admitted_at_;
  std::optional<Clock::time_point> last_token_at_;
  EngineThread* engine_ = nullptr;
  EngineThread::Ticket ticket_ = 0;
};

}  // namespace llorch
