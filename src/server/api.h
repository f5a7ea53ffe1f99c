// Api: the worker's routes. Requests come in on the HTTP thread, are parsed and tokenised on a thread of their own (a
// long prompt must not keep /health waiting), and go to the engine's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/engine_thread.h"
#include "server/events.h"
#include "server/execute_request.h"
#include "server/http.h"
#include "server/log.h"

namespace llorch {

/// What clients may know of the loaded model.
struct ModelInfo {
  std::string name;
  std::string backend;         // "cpu:avx512"
  std::string quant_kind;      // the format that holds most of the model's bytes: "Q4_K"
  std::string tokenizer_kind;  // "gguf-bpe"
  std::string chat_template;   // empty: none
  std::int64_t model_bytes = 0;
  int vocab = 0;
  int context = 0;
  bool deterministic = false;
  bool chat = false;  // messages can be rendered
};

/// Runs tasks one after the other on a thread of its own.
class TaskThread {
 public:
  explicit TaskThread(const char* name);
  ~TaskThread();  // runs what is queued, then joins
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;
  void post(std::function<void()> task);

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stop_ = false;
  std::thread thread_;
};

class Api {
 public:
  Api(std::string worker_id, int max_tokens_out, Log& log);

  /// The handler of the HTTP server; answers 503 until ready() was called. `api` outlives the server.
  void handle(HttpRequest request, std::shared_ptr<ResponseWriter> writer);
  /// 0..1 of the model is loaded.
  void set_progress(double progress) { progress_ = progress; }
  /// The model is loaded. `tokenizer` and `engine` must outlive this object.
  void ready(ModelInfo info, const Tokenizer& tokenizer, EngineThread& engine);
  /// No new work from here on.
  void drain() { state_ = State::draining; }

 private:
  enum class State : std::uint8_t { loading, healthy, draining };

  void health(ResponseWriter& writer) const;
  void execute(const HttpRequest& request, const std::shared_ptr<ResponseWriter>& writer);
  bool encode(const ExecuteRequest& request, ResponseWriter& writer, Request& out) const;
  bool fit(const ExecuteRequest& request, ResponseWriter& writer, Request& out) const;
  void submit(Request request, AnswerFormat format, const std::shared_ptr<ResponseWriter>& writer);

  std::string worker_id_;
  int max_tokens_out_;
  Log* log_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<State> state_{State::loading};
  std::atomic<double> progress_{0};
  // Written before state_ leaves `loading`, read after.
  ModelInfo info_;
  const Tokenizer* tokenizer_ = nullptr;
  EngineThread* engine_ = nullptr;
  TaskThread front_{"llorch-front"};
};

}  // namespace llorch
