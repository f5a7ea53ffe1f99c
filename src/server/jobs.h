// Jobs: the requests in flight by their job id, how many there may be, and how long each may take.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/job.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/timers.h"

namespace llorch {

/// Thread-safe.
class Jobs {
 public:
  struct Limits {
    int in_flight = 72;  // running and waiting
    std::chrono::milliseconds timeout{300'000};
  };
  Jobs(Limits limits, Timers& timers, Metrics& metrics, Log& log);

  enum class Refused : std::uint8_t { no, taken, full, draining };
  struct Opened {
    std::shared_ptr<Job> job;  // null when refused
    Refused refused = Refused::no;
  };
  /// Takes a job id and a place. From here on the job ends when its client leaves, when it is cancelled, when its time
  /// is over, or by its own end.
  Opened open(const std::string& id, Job::Options options, const std::shared_ptr<ResponseWriter>& writer);
  /// False when no job in flight has this id.
  bool cancel(const std::string& id);
  /// Whether there is no place beside `more` that are about to be opened.
  bool full(int more = 0) const;
  /// Waits until all jobs have ended and written what they had to; aborts what is left after `patience`.
  void drain(std::chrono::milliseconds patience);

 private:
  struct Entry {
    std::weak_ptr<Job> job;
    std::uint64_t number = 0;  // tells jobs of one id apart
    Timers::Id timer;
  };
  void abort(const std::shared_ptr<Job>& job, Job::Failure why);
  void ended(const std::string& id, std::uint64_t number, const JobReport& report);

  Limits limits_;
  Timers* timers_;
  Metrics* metrics_;
  Log* log_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::map<std::string, Entry> entries_;
  std::vector<std::weak_ptr<Job>> leaving_;  // ended, but their last bytes may not be written yet
  std::uint64_t last_number_ = 0;
  bool closed_ = false;
};

}  // namespace llorch
