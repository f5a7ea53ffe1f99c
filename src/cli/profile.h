// Profile: the recorder's spans of one phase (prefill, decode) summed by op and role, beside the roof of the machine.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "backend/roof/roof.h"
#include "base/trace.h"

namespace llorch::cli {

/// A stretch of time, in nanoseconds since the recorder was made.
struct Stretch {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
};

struct ProfileRow {
  std::string_view name;  // "linear"
  std::string_view role;  // "ffn.down"
  int calls = 0;
  std::int64_t ns = 0;
  std::int64_t bytes = 0;
  std::int64_t flops = 0;
};

struct Profile {
  std::vector<ProfileRow> rows;  // the dearest first
  std::int64_t wall_ns = 0;      // of the stretches, with what lies between the ops
};

/// Sums track 0's spans that begin within one of `stretches` (in the order of time).
Profile make_profile(const std::vector<Span>& spans, const std::vector<Stretch>& stretches);

/// Prints the table: calls, time, share of the phase, GB/s, GFLOP/s, and the share of the roof that binds the op: of
/// reading, or of computing (integers for `int8_roles`, else floats). Ends with the three ops that cost most.
void print_profile(const Profile& profile, std::string_view phase, const roof::Roof& roof,
                   const std::vector<std::string_view>& int8_roles);

/// The same as JSON: an object an op, the dearest first, with op, role, calls, ms, share, gb_per_sec, gflops, roof
/// ("read", "int8", "f32") and share_of_roof (null where nothing can be said).
nlohmann::json profile_json(const Profile& profile, const roof::Roof& roof,
                            const std::vector<std::string_view>& int8_roles);

}  // namespace llorch::cli
