// Sums spans by op and prints them; profile.h says what the columns mean.
#include "cli/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace llorch::cli {
namespace {

bool within(const std::vector<Stretch>& stretches, std::int64_t ns) {
  const auto after = std::upper_bound(stretches.begin(), stretches.end(), ns,
                                      [](std::int64_t at, const Stretch& stretch) { return at < stretch.begin_ns; });
  return after != stretches.begin() && ns < std::prev(after)->end_ns;
}

/// The resource of which a row uses the greater part, and that part; nothing when there is no time or no roof.
struct Binding {
  std::string_view resource;
  double share = 0;
};
std::optional<Binding> binding_of(const ProfileRow& row, const roof::Roof& roof, bool int8) {
  const double seconds = static_cast<double>(row.ns) * 1e-9;
  const double peak_ops = (int8 ? roof.int8_tops : roof.f32_tflops) * 1e12;
  if (seconds <= 0 || roof.read_gb_per_sec <= 0 || peak_ops <= 0) {
    return std::nullopt;
  }
  const double read = static_cast<double>(row.bytes) / seconds / (roof.read_gb_per_sec * 1e9);
  const double ops = static_cast<double>(row.flops) / seconds / peak_ops;
  return read >= ops ? Binding{"read", read} : Binding{int8 ? "int8" : "f32", ops};
}

/// "78% of read".
std::string binding_share(const ProfileRow& row, const roof::Roof& roof, bool int8) {
  const std::optional<Binding> binding = binding_of(row, roof, int8);
  return binding ? fmt::format("{:3.0f}% of {}", 100 * binding->share, binding->resource) : "-";
}

bool is_int8(const ProfileRow& row, const std::vector<std::string_view>& int8_roles) {
  return std::find(int8_roles.begin(), int8_roles.end(), row.role) != int8_roles.end();
}

double percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

}  // namespace

Profile make_profile(const std::vector<Span>& spans, const std::vector<Stretch>& stretches) {
  Profile profile;
  for (const Stretch& stretch : stretches) {
    profile.wall_ns += stretch.end_ns - stretch.begin_ns;
  }
  std::map<std::pair<std::string_view, std::string_view>, ProfileRow> rows;
  for (const Span& span : spans) {
    if (span.track != 0 || !within(stretches, span.begin_ns)) {
      continue;
    }
    ProfileRow& row = rows[{span.name, span.detail}];
    row.name = span.name;
    row.role = span.detail;
    ++row.calls;
    row.ns += span.end_ns - span.begin_ns;
    row.bytes += span.bytes;
    row.flops += span.flops;
  }
  for (const auto& [key, row] : rows) {
    profile.rows.push_back(row);
  }
  std::stable_sort(profile.rows.begin(), profile.rows.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.ns > b.ns; });
  return profile;
}

void print_profile(const Profile& profile, std::string_view phase, const roof::Roof& roof,
                   const std::vector<std::string_view>& int8_roles) {
  fmt::print("\n{:<28} {:>8} {:>10} {:>7} {:>8} {:>9}  {}\n", phase, "calls", "ms", "share", "GB/s", "GFLOP/s", "roof");
  std::int64_t in_ops = 0;
  for (const ProfileRow& row : profile.rows) {
    const double ns = static_cast<double>(std::max<std::int64_t>(row.ns, 1));
    fmt::print("{:<28} {:>8} {:>10.2f} {:>6.1f}% {:>8.2f} {:>9.2f}  {}\n", fmt::format("{} {}", row.name, row.role),
               row.calls, ns / 1e6, percent(row.ns, profile.wall_ns), static_cast<double>(row.bytes) / ns,
               static_cast<double>(row.flops) / ns, binding_share(row, roof, is_int8(row, int8_roles)));
    in_ops += row.ns;
  }
  const std::int64_t between = profile.wall_ns - in_ops;
  fmt::print("{:<28} {:>8} {:>10.2f} {:>6.1f}%\n", "between the ops", "", static_cast<double>(between) / 1e6,
             percent(between, profile.wall_ns));
  std::string dearest;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, profile.rows.size()); ++i) {
    const ProfileRow& row = profile.rows[i];
    dearest +=
        fmt::format("{}{} {} ({:.0f}%)", i == 0 ? "" : ", ", row.name, row.role, percent(row.ns, profile.wall_ns));
  }
  fmt::print("{} costs most in: {}\n", phase, dearest.empty() ? "nothing was recorded" : dearest);
}

nlohmann::json profile_json(const Profile& profile, const roof::Roof& roof,
                            const std::vector<std::string_view>& int8_roles) {
  nlohmann::json rows = nlohmann::json::array();
  for (const ProfileRow& row : profile.rows) {
    const double ns = static_cast<double>(std::max<std::int64_t>(row.ns, 1));
    const std::optional<Binding> binding = binding_of(row, roof, is_int8(row, int8_roles));
    rows.push_back({{"op", row.name},
                    {"role", row.role},
                    {"calls", row.calls},
                    {"ms", ns / 1e6},
                    {"share", percent(row.ns, profile.wall_ns) / 100},
                    {"gb_per_sec", static_cast<double>(row.bytes) / ns},
                    {"gflops", static_cast<double>(row.flops) / ns},
                    {"roof", binding ? nlohmann::json(binding->resource) : nlohmann::json()},
                    {"share_of_roof", binding ? nlohmann::json(binding->share) : nlohmann::json()}});
  }
  return rows;
}

}  // namespace llorch::cli
