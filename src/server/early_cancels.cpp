#include "server/early_cancels.h"

namespace llorch {
namespace {

constexpr std::size_t kMost = 4096;  // ids; whoever cancels more at once than there are places is told "unknown" alone

}  // namespace

std::uint64_t EarlyCancels::enter() {
  const std::lock_guard lock(mutex_);
  return ++last_;
}

void EarlyCancels::cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (left_ < last_ && (until_.size() < kMost || until_.contains(id))) {
    until_[id] = last_;
  }
}

bool EarlyCancels::leave(std::uint64_t number, const std::string& id) {
  const std::lock_guard lock(mutex_);
  left_ = number;
  const auto found = until_.find(id);
  const bool cancelled = found != until_.end() && number <= found->second;
  std::erase_if(until_, [number](const auto& entry) { return entry.second <= number; });
  return cancelled;
}

}  // namespace llorch
