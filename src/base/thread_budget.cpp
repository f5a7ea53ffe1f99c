#include "base/thread_budget.h"

#include <algorithm>
#include <cmath>

namespace llorch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWindow{50};  // of runs that a decision looks at: many time slices
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{3200};  // trying takes a window, 2% of it
/// One thread less costs 1 / n of the speed, less where memory is the limit. Where waiting costs this part of it, a
/// thread is left out.
constexpr double kWorth = 0.5;

}  // namespace

bool ThreadBudget::asks() const {
  return begins() || ran_ >= kWindow;
}

void ThreadBudget::told(Clock::time_point now, std::chrono::nanoseconds waited) {
  has_begun_ = true;
  waited_ += waited;
  const bool counts = ran_ >= kWindow;
  const double lost = waited_ / ran_;  // threads that did not run, on average
  if (counts) {
    ran_ = {};
    waited_ = {};
  }
  if (counts && threads_ > 1 && lost * threads_ > kWorth) {
    threads_ = std::max(1, threads_ - std::max(1, static_cast<int>(std::lround(lost))));
    pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
    try_all_at_ = now + pause_;
  } else if (threads_ < most_ && now >= try_all_at_) {
    threads_ = most_;
    interrupted();  // those that come back did nothing meanwhile
  } else if (threads_ == most_ && counts) {
    pause_ = {};
  }
}

}  // namespace llorch
