#include "server/request_trace.h"

#include <fmt/format.h>

#include <sstream>

namespace llorch {

void RequestTrace::add_request_span(const char* name, Clock::time_point begin, Clock::time_point end) {
  recorder_.add({.name = name,
                 .detail = {},
                 .begin_ns = recorder_.ns_of(begin),
                 .end_ns = recorder_.ns_of(end),
                 .track = Recorder::kRequestTracks});
}

void RequestTrace::add_step(const StepReport& step) {
  const std::lock_guard lock(mutex_);
  names_.push_back(
      fmt::format("{} of the {} tokens of {} sequences", step.tokens, step.batch_tokens, step.batch_sequences));
  recorder_.add({.name = "step",
                 .detail = names_.back(),
                 .begin_ns = recorder_.ns_of(step.begin),
                 .end_ns = recorder_.ns_of(step.end),
                 .track = 0});
}

std::string RequestTrace::json() const {
  std::ostringstream out;  // the spans are copied, and names stay where they are: nobody waits for the writing
  recorder_.write_trace(out, {{Recorder::kRequestTracks, job_id_}});
  return std::move(out).str();
}

void TraceStore::keep(const std::string& job_id, std::shared_ptr<RequestTrace> trace) {
  const std::lock_guard lock(mutex_);
  traces_.emplace_back(job_id, std::move(trace));
  if (traces_.size() > kKept) {
    traces_.pop_front();
  }
}

std::shared_ptr<RequestTrace> TraceStore::find(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  for (auto it = traces_.rbegin(); it != traces_.rend(); ++it) {
    if (it->first == job_id) {
      return it->second;
    }
  }
  return nullptr;
}

}  // namespace llorch
