#include "base/cgroup.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace llorch {
namespace {

const std::string kMount = "/sys/fs/cgroup";

bool lists(std::string_view controllers, std::string_view wanted) {
  for (std::size_t begin = 0; begin <= controllers.size();) {
    const std::size_t end = std::min(controllers.find(',', begin), controllers.size());
    if (controllers.substr(begin, end - begin) == wanted) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

/// `root` + `path` and its parents, down to `root` itself. Inside a container the path may be the host's: then only
/// the root exists, and it is the container's own group.
void add_with_parents(const std::string& root, std::string path, bool v2, std::vector<Cgroup>& groups) {
  std::error_code ignored;
  while (!path.empty() && path != "/") {
    if (std::filesystem::is_directory(root + path, ignored)) {
      groups.push_back({root + path, v2});
    }
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  if (std::filesystem::is_directory(root, ignored)) {
    groups.push_back({root, v2});
  }
}

}  // namespace

std::string read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<Cgroup> cgroups_of(std::string_view controller) {
  std::vector<Cgroup> groups;
  std::istringstream lines(read_small_file("/proc/self/cgroup"));  // hierarchy:controllers:path
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      add_with_parents(kMount, path, true, groups);
    } else if (lists(controllers, controller)) {
      add_with_parents(kMount + "/" + std::string(controller), path, false, groups);
    }
  }
  return groups;
}

}  // namespace llorch
