#include "backend/cpu/host_memory.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>

#include "base/cgroup.h"

namespace llorch::cpu {
namespace {

/// The number after `key` at the beginning of a line ("MemTotal:  123 kB", "inactive_file 123"), or 0.
std::int64_t value_of(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t value = 0;
    if (words >> name >> value && name == key) {
      return value;
    }
  }
  return 0;
}

std::int64_t number_in(const std::string& path) {
  std::istringstream text(read_small_file(path));
  std::int64_t value = -1;  // "max", absent
  return text >> value ? value : -1;
}

void apply_limit(const Cgroup& group, HostMemory& memory) {
  const std::string dir = group.dir + "/memory.";
  const std::int64_t limit = number_in(dir + (group.v2 ? "max" : "limit_in_bytes"));
  if (limit < 0 || limit >= memory.total_bytes) {  // version 1 writes "none" as a number near 2^63
    return;
  }
  const std::string stat = read_small_file(dir + "stat");
  const std::string prefix = group.v2 ? "" : "total_";
  const std::int64_t cache = value_of(stat, prefix + "inactive_file") + value_of(stat, prefix + "active_file");
  const std::int64_t used = number_in(dir + (group.v2 ? "current" : "usage_in_bytes"));
  memory.total_bytes = limit;
  memory.free_bytes = std::clamp<std::int64_t>(limit - std::max<std::int64_t>(0, used - cache), 0, memory.free_bytes);
}

}  // namespace

HostMemory host_memory() {
  const std::string info = read_small_file("/proc/meminfo");
  HostMemory memory{value_of(info, "MemTotal:") * 1024, value_of(info, "MemAvailable:") * 1024};
  for (const Cgroup& group : cgroups_of("memory")) {
    apply_limit(group, memory);
  }
  return memory;
}

}  // namespace llorch::cpu
