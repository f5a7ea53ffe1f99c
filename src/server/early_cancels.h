// EarlyCancels: cancels of jobs whose bodies are still being parsed, so that nobody knows their ids yet.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace llorch {

/// Thread-safe. Bodies enter in the order in which they are parsed.
class EarlyCancels {
 public:
  /// A body begins to wait: its number.
  std::uint64_t enter();
  /// Remembers `id` for the bodies that wait now. Must come before the id is looked for among the jobs: a body may
  /// become one of them meanwhile.
  void cancel(const std::string& id);
  /// Body `number` has been parsed, and its job `id` can be found by its id; or it became none ("", the default). True:
  /// the job was cancelled meanwhile.
  bool leave(std::uint64_t number, const std::string& id = "");

 private:
  std::mutex mutex_;
  std::uint64_t last_ = 0;                      // number of the body that entered last
  std::uint64_t left_ = 0;                      // and that left last
  std::map<std::string, std::uint64_t> until_;  // id -> the last body that it may be of
};

}  // namespace llorch
