// Recorder::write_trace: the Trace Event Format of Chrome and Perfetto.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/format.h"
#include "base/json.h"
#include "base/trace.h"

namespace llorch {
namespace {

std::string track_name(int track) {
  if (track == 0) {
    return "engine";
  }
  return track < Recorder::kRequestTracks ? fmt::format("thread {}", track - 1)
                                          : fmt::format("request {}", track - Recorder::kRequestTracks);
}

nlohmann::json metadata_event(const char* name, int track, const nlohmann::json& args) {
  return {{"ph", "M"}, {"pid", 1}, {"tid", track}, {"name", name}, {"args", args}};
}

/// A complete event ("X") of the Trace Event Format; its times are microseconds.
nlohmann::json event_of(const Span& span) {
  nlohmann::json event = {{"ph", "X"},
                          {"pid", 1},
                          {"tid", span.track},
                          {"name", span.detail.empty() ? std::string(span.name) : std::string(span.detail)},
                          {"cat", std::string(span.name)},
                          {"ts", static_cast<double>(span.begin_ns) / 1e3},
                          {"dur", static_cast<double>(span.end_ns - span.begin_ns) / 1e3}};
  if (span.bytes != 0 || span.flops != 0) {
    event["args"] = {{"bytes", span.bytes}, {"flops", span.flops}};
    if (span.end_ns > span.begin_ns) {
      const auto ns = static_cast<double>(span.end_ns - span.begin_ns);
      event["args"]["GB/s"] = static_cast<double>(span.bytes) / ns;
      event["args"]["GFLOP/s"] = static_cast<double>(span.flops) / ns;
    }
  }
  return event;
}

}  // namespace

void Recorder::write_trace(std::ostream& out, const TrackNames& names) const {
  const std::vector<Span> all = spans();
  std::set<int> tracks;
  for (const Span& span : all) {
    tracks.insert(span.track);
  }
  out << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
      << dump_json(metadata_event("process_name", 0, {{"name", "llorch"}}));
  for (const int track : tracks) {  // sort_index keeps the tracks in the order of their numbers
    const auto named = names.find(track);
    const std::string name = named == names.end() ? track_name(track) : named->second;
    out << ",\n" << dump_json(metadata_event("thread_name", track, {{"name", name}}));
    out << ",\n" << dump_json(metadata_event("thread_sort_index", track, {{"sort_index", track}}));
  }
  for (const Span& span : all) {  // one at a time: a trace may hold millions
    out << ",\n" << dump_json(event_of(span));
  }
  out << "\n]}\n";
}

Status Recorder::write_trace(const std::string& path) const {
  std::ofstream file(path, std::ios::binary);
  write_trace(file);
  file.close();
  if (!file) {
    return errorf(ErrorCode::io, "cannot write the trace '{}': {}", path, std::strerror(errno));
  }
  return {};
}

}  // namespace llorch
