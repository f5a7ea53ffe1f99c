// Metrics: what GET /metrics tells, as Prometheus text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace llorch {

/// How a request ended: worker_requests_total{outcome}.
enum class Outcome : std::uint8_t { completed, cancelled, timeout, failed, rejected };
/// "completed"
const char* to_string(Outcome outcome);

/// What is read at the moment of the question.
struct Gauges {
  std::int64_t vram_bytes = 0;
  double uptime_seconds = 0;
  int running = 0;
  int waiting = 0;
  int kv_used = 0;
  int kv_cached = 0;
  int kv_free = 0;
  std::uint64_t tokens_generated = 0;  // since the start
};

/// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void ended(Outcome outcome);
  /// A request to /execute that got no answer but a refusal: worker_requests_refused_total{code}.
  void refused(const std::string& code);
  /// Of a request that was accepted: from then to its last event.
  void inference_ms(double ms);
  void queue_seconds(double seconds);
  void first_token_seconds(double seconds);
  void inter_token_seconds(double seconds);
  /// The exposition format 0.0.4.
  std::string text(const Gauges& gauges);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llorch
