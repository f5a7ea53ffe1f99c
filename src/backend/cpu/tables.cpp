#include "backend/cpu/tables.h"

#include <sys/utsname.h>

#include <algorithm>
#include <sstream>

#include "base/cgroup.h"

namespace llorch::cpu {

const HostTable& best_table() {
  const auto tables = host_tables();
  return *std::find_if(tables.begin(), tables.end(), [](const HostTable& t) { return t.available(); });
}

OpTable make_ops(const HostTable& table) {
  return table.ops(ref::ops());
}

std::string processor_name() {
  std::istringstream lines(read_small_file("/proc/cpuinfo"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) {
      return line.substr(line.find(": ") + 2);
    }
  }
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "unknown processor";
}

}  // namespace llorch::cpu
