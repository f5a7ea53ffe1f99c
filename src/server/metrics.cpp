// The only file that includes prometheus-cpp; metrics.h says what it promises.
#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <mutex>

namespace llorch {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr int kOutcomes = 5;
/// There from the start, so that a rate over them is.
constexpr const char* kRefusals[] = {"INVALID_REQUEST", "UNAUTHORIZED", "METHOD_NOT_ALLOWED", "CONFLICT", "QUEUE_FULL",
                                     "LOADING",         "DRAINING"};

/// 1, 2.5, 5, 10 ... : three steps a decade from `first` on.
Histogram::BucketBoundaries decades(double first, int count) {
  Histogram::BucketBoundaries bounds;
  for (double base = first; count > 0; base *= 10) {
    for (const double step : {1.0, 2.5, 5.0}) {
      bounds.push_back(base * step);
    }
    --count;
  }
  return bounds;
}

}  // namespace

const char* to_string(Outcome outcome) {
  static constexpr std::array<const char*, kOutcomes> kNames = {"completed", "cancelled", "timeout", "failed",
                                                                "rejected"};
  return kNames[static_cast<std::size_t>(outcome)];
}

struct Metrics::Impl {
  prometheus::Registry registry;
  std::array<Counter*, kOutcomes> requests{};
  std::mutex scrape;  // a counter can only be added to: what is new since the last look
  std::uint64_t tokens_seen = 0;

  Gauge& gauge(const char* name, const char* help, const prometheus::Labels& labels = {}) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
  }
  Histogram& histogram(const char* name, const char* help, const Histogram::BucketBoundaries& bounds) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
  }

  Gauge& vram = gauge("worker_vram_bytes", "Bytes that the model holds on its device.");
  Gauge& uptime = gauge("worker_uptime_seconds", "Seconds since the worker started.");
  Gauge& running = gauge("worker_requests_running", "Requests that are being computed.");
  Gauge& waiting = gauge("worker_requests_waiting", "Accepted requests that wait for their turn.");
  prometheus::Family<Gauge>& kv =
      prometheus::BuildGauge().Name("worker_kv_blocks").Help("KV cache blocks by state.").Register(registry);
  Gauge& kv_used = kv.Add({{"state", "used"}});
  Gauge& kv_cached = kv.Add({{"state", "cached"}});
  Gauge& kv_free = kv.Add({{"state", "free"}});
  prometheus::Family<Counter>& refused =
      prometheus::BuildCounter()
          .Name("worker_requests_refused_total")
          .Help("Requests to /execute that were refused, by the code they were told.")
          .Register(registry);
  Counter& tokens = prometheus::BuildCounter()
                        .Name("worker_tokens_generated_total")
                        .Help("Tokens drawn, end tokens included.")
                        .Register(registry)
                        .Add({});
  Histogram& inference = histogram("worker_inference_duration_ms",
                                   "Milliseconds from acceptance to the last event of a request.", decades(1, 6));
  Histogram& queue =
      histogram("worker_queue_seconds", "Seconds that requests waited for their turn.", decades(0.0001, 7));
  Histogram& first_token =
      histogram("worker_first_token_seconds", "Seconds from acceptance to the first token.", decades(0.001, 6));
  Histogram& inter_token =
      histogram("worker_inter_token_seconds", "Seconds between two tokens of a request.", decades(0.0001, 5));
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  auto& family = prometheus::BuildCounter()
                     .Name("worker_requests_total")
                     .Help("Requests to /execute by how they ended.")
                     .Register(impl_->registry);
  for (const char* code : kRefusals) {
    impl_->refused.Add({{"code", code}});
  }
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    impl_->requests[i] = &family.Add({{"outcome", to_string(static_cast<Outcome>(i))}});
  }
}

Metrics::~Metrics() = default;

void Metrics::ended(Outcome outcome) {
  impl_->requests[static_cast<std::size_t>(outcome)]->Increment();
}

void Metrics::refused(const std::string& code) {
  impl_->refused.Add({{"code", code}}).Increment();
}

void Metrics::inference_ms(double ms) {
  impl_->inference.Observe(ms);
}

void Metrics::queue_seconds(double seconds) {
  impl_->queue.Observe(seconds);
}

void Metrics::first_token_seconds(double seconds) {
  impl_->first_token.Observe(seconds);
}

void Metrics::inter_token_seconds(double seconds) {
  impl_->inter_token.Observe(seconds);
}

std::string Metrics::text(const Gauges& gauges) {
  const std::lock_guard lock(impl_->scrape);
  impl_->vram.Set(static_cast<double>(gauges.vram_bytes));
  impl_->uptime.Set(gauges.uptime_seconds);
  impl_->running.Set(gauges.running);
  impl_->waiting.Set(gauges.waiting);
  impl_->kv_used.Set(gauges.kv_used);
  impl_->kv_cached.Set(gauges.kv_cached);
  impl_->kv_free.Set(gauges.kv_free);
  if (gauges.tokens_generated > impl_->tokens_seen) {
    impl_->tokens.Increment(static_cast<double>(gauges.tokens_generated - impl_->tokens_seen));
    impl_->tokens_seen = gauges.tokens_generated;
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace llorch
