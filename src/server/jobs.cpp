#include "server/jobs.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace llorch {
namespace {

constexpr std::chrono::milliseconds kPromptPatience{40};

}  // namespace

Jobs::Jobs(Limits limits, Timers& timers, Metrics& metrics, Log& log)
    : limits_(limits), timers_(&timers), metrics_(&metrics), log_(&log) {}

Jobs::Opened Jobs::open(const std::string& id, Job::Options options, const std::shared_ptr<ResponseWriter>& writer) {
  std::shared_ptr<Job> job;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return {nullptr, Refused::draining};
    }
    if (entries_.contains(id)) {
      return {nullptr, Refused::taken};
    }
    if (static_cast<int>(entries_.size()) >= limits_.in_flight) {
      return {nullptr, Refused::full};
    }
    const std::uint64_t number = ++last_number_;
    job = std::make_shared<Job>(id, options, writer, *metrics_,
                                [this, id, number](const JobReport& report) { ended(id, number, report); });
    const auto late = [this, weak = std::weak_ptr(job)] {
      if (const auto it = weak.lock()) {
        const double seconds = std::chrono::duration<double>(limits_.timeout).count();
        abort(it, Error{ErrorCode::timeout, fmt::format("the request took longer than {} s", seconds)});
      }
    };
    entries_[id] = {job, number, timers_->at(job->accepted_at() + limits_.timeout, late)};
  }
  writer->on_close([this, weak = std::weak_ptr(job)] {
    if (const auto it = weak.lock()) {
      abort(it, Error{ErrorCode::cancelled, "the client closed the connection"});
    }
  });
  return {job, Refused::no};
}

/// One whose prompt is still being read ends soon, whatever else is being read.
void Jobs::abort(const std::shared_ptr<Job>& job, Job::Failure why) {
  job->abort(std::move(why));
  if (!job->ended()) {
    timers_->at(Timers::Clock::now() + kPromptPatience, [weak = std::weak_ptr(job)] {
      if (const auto it = weak.lock()) {
        it->end_now();
      }
    });
  }
}

void Jobs::ended(const std::string& id, std::uint64_t number, const JobReport& report) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(id); found != entries_.end() && found->second.number == number) {
      timers_->cancel(found->second.timer);
      std::erase_if(leaving_, [](const std::weak_ptr<Job>& job) { return job.expired(); });
      leaving_.push_back(found->second.job);
      entries_.erase(found);
    }
    if (entries_.empty()) {
      empty_.notify_all();
    }
  }
  metrics_->ended(report.outcome);
  if (report.outcome != Outcome::rejected) {
    metrics_->inference_ms(report.total_ms);
  }
  LogFields fields = {{"job_id", id},
                      {"outcome", std::string(to_string(report.outcome))},
                      {"result", report.result},
                      {"prompt_tokens", std::int64_t{report.prompt_tokens}},
                      {"tokens_out", std::int64_t{report.tokens_out}},
                      {"queue_ms", report.queue_ms},
                      {"total_ms", report.total_ms}};
  if (!report.reason.empty()) {
    fields.emplace_back("reason", report.reason);
  }
  if (!report.text.empty()) {
    fields.emplace_back("text", report.text);
  }
  log_->event(report.outcome == Outcome::failed ? LogLevel::error : LogLevel::info, "request_done", fields);
}

bool Jobs::cancel(const std::string& id) {
  std::shared_ptr<Job> job;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    job = found == entries_.end() ? nullptr : found->second.job.lock();
  }
  if (job) {
    abort(job, Error{ErrorCode::cancelled, "cancelled on request"});
  }
  return job != nullptr;
}

bool Jobs::full(int more) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(entries_.size()) + more >= limits_.in_flight;
}

void Jobs::drain(std::chrono::milliseconds patience) {
  std::vector<std::shared_ptr<Job>> late;
  std::vector<std::weak_ptr<Job>> leaving;
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    empty_.wait_for(lock, patience, [this] { return entries_.empty(); });
    for (const auto& [id, entry] : entries_) {
      late.push_back(entry.job.lock());
    }
    leaving = leaving_;
  }
  for (const auto& weak : leaving) {
    if (const auto job = weak.lock()) {
      job->ended();  // waits for the writing of its end
    }
  }
  for (const auto& job : late) {
    if (job) {
      job->abort({Error{ErrorCode::cancelled, "the worker is shutting down"}, true});  // another worker may do it
      job->end_now();
    }
  }
}

}  // namespace llorch
