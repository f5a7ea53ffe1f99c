#include "base/trace.h"

namespace llorch {

void Recorder::add(const Span& span) {
  const std::lock_guard lock(mutex_);
  spans_.push_back(span);
}

void Recorder::clear() {
  const std::lock_guard lock(mutex_);
  spans_.clear();
}

std::vector<Span> Recorder::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

}  // namespace llorch
