// Recorder: time, bytes and flops of everything that runs, for `llorch bench --profile` (a table by op) and for traces
// (Chrome/Perfetto JSON). Nobody records into it unless it was handed to them: off costs one pointer test.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace llorch {

/// One finished piece of work. `name` and `detail` must have static storage or outlive the recorder.
struct Span {
  std::string_view name;      // "linear"
  std::string_view detail;    // "ffn.down"
  std::int64_t begin_ns = 0;  // since the recorder was made
  std::int64_t end_ns = 0;
  std::int64_t bytes = 0;  // read and written, as declared by the op
  std::int64_t flops = 0;
  int track = 0;  // 0: the engine; 1 + t: thread t of the backend; requests: kRequestTracks + n
};

class Recorder {
 public:
  static constexpr int kRequestTracks = 1000;
  using TrackNames = std::map<int, std::string>;

  std::int64_t ns_of(std::chrono::steady_clock::time_point time) const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time - start_).count();
  }
  std::int64_t now_ns() const { return ns_of(std::chrono::steady_clock::now()); }
  void add(const Span& span);
  void clear();
  std::vector<Span> spans() const;
  /// Writes Chrome trace JSON ("traceEvents"), one track per thread and request, tracks named: as `names` says, else by
  /// what they are.
  void write_trace(std::ostream& out, const TrackNames& names = {}) const;
  Status write_trace(const std::string& path) const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::vector<Span> spans_;
};

}  // namespace llorch
