// Control groups: the limits that a container or a service manager sets on this process (Linux; elsewhere none).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llorch {

/// A directory of the cgroup file system whose limits bind this process. The two versions name their files differently.
struct Cgroup {
  std::string dir;  // without a trailing '/'
  bool v2 = false;
};

/// Every group from this process's own up to the root that limits `controller` ("memory", "cpu"); empty when none does.
std::vector<Cgroup> cgroups_of(std::string_view controller);

/// The whole content of a small file of /proc or /sys, or empty.
std::string read_small_file(const std::string& path);

}  // namespace llorch
