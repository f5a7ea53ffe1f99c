// worker_url.h says what it promises.
#include "cli/worker_url.h"

#include <sys/un.h>

#include <algorithm>

#include "base/format.h"
#include "checkpoint/printable.h"

namespace llorch::cli {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;

Error refuse(const std::string& text, std::string_view why) {
  return errorf(ErrorCode::invalid_argument, "URL '{}': {}", printable(text), why);
}

}  // namespace

Result<WorkerUrl> parse_worker_url(const std::string& text) {
  if (text.starts_with(kUnix)) {
    std::string path = text.substr(kUnix.size());
    if (path.empty() || path.size() > kMaxUnixPath) {
      return refuse(text, fmt::format("the path of a socket has 1 to {} bytes", kMaxUnixPath));
    }
    return WorkerUrl{"http://localhost", std::move(path)};
  }
  if (!text.starts_with("http://") && !text.starts_with("https://")) {
    return refuse(text, "must be http://HOST:PORT, https://HOST:PORT or unix:PATH");
  }
  const auto is_odd = [](char c) { return c <= ' ' || c >= 0x7f || c == '?' || c == '#' || c == '@' || c == '\\'; };
  if (std::any_of(text.begin(), text.end(), is_odd)) {
    return refuse(text, "may not hold blanks, control or other than ASCII characters, nor any of ?#@\\");
  }
  const std::string base = text.substr(0, text.find_last_not_of('/') + 1);
  if (base.size() <= text.find("://") + 3) {
    return refuse(text, "names no host");
  }
  return WorkerUrl{base, ""};
}

}  // namespace llorch::cli
