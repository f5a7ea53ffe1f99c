// RequestTrace: where the time of one request went, for GET /debug/trace/JOB_ID (Perfetto, chrome://tracing).
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/trace.h"
#include "engine/request.h"

namespace llorch {

/// Thread-safe. One track has the request's phases, the other the engine's steps that it took part in.
class RequestTrace {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RequestTrace(std::string job_id) : job_id_(std::move(job_id)) {}

  /// `name` has static storage: "queue", "prefill", "decode".
  void add_request_span(const char* name, Clock::time_point begin, Clock::time_point end);
  void add_step(const StepReport& step);
  std::string json() const;

 private:
  std::string job_id_;
  Recorder recorder_;
  mutable std::mutex mutex_;
  std::deque<std::string> names_;  // of steps: the recorder's spans point at them
};

/// The traces of the latest requests that asked for one.
class TraceStore {
 public:
  static constexpr std::size_t kKept = 64;
  void keep(const std::string& job_id, std::shared_ptr<RequestTrace> trace);
  /// Of the latest request of that id; null when there is none (any more).
  std::shared_ptr<RequestTrace> find(const std::string& job_id) const;

 private:
  mutable std::mutex mutex_;
  std::deque<std::pair<std::string, std::shared_ptr<RequestTrace>>> traces_;  // the latest last
};

}  // namespace llorch
