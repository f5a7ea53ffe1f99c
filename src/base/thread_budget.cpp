#include "base/thread_budget.h"

#include <algorithm>
#include <cmath>

namespace llorch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWindow{50};  // of jobs that a decision looks at: many time slices
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{3200};  // trying costs a window: 2% at most
/// Threads that must be kept waiting, of one, so that all lose more than one thread less would cost. A job that reads
/// memory loses less than 1 / n with it, which is why this is not 1.
constexpr double kWorth = 0.5;

}  // namespace

bool ThreadBudget::asks() const {
  return !has_begun_ || ran_ >= kWindow;
}

void ThreadBudget::told(Clock::time_point now, std::chrono::nanoseconds waited) {
  const double lost = waited / ran_;  // threads that did not run, on average
  ran_ = {};
  if (!has_begun_) {  // waited since when?
    has_begun_ = true;
    return;
  }
  if (threads_ > 1 && lost * threads_ > kWorth) {
    threads_ = std::max(1, threads_ - std::max(1, static_cast<int>(std::lround(lost))));
    pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
    try_all_at_ = now + pause_;
  } else if (threads_ == most_) {
    pause_ = {};
  } else if (now >= try_all_at_) {
    threads_ = most_;
  }
}

}  // namespace llorch
