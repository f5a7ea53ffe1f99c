// Where a worker listens, as its first line on stdout says it.
#pragma once

#include <string>

#include "base/result.h"

namespace llorch::cli {

struct WorkerUrl {
  std::string base;       // "http://127.0.0.1:8080": a route like /health follows
  std::string unix_path;  // not empty: what `base` names is reached through this socket
};

/// http://HOST:PORT, https://HOST:PORT (both may go on with a path that routes follow) or unix:PATH; else
/// ErrorCode::invalid_argument.
Result<WorkerUrl> parse_worker_url(const std::string& text);

}  // namespace llorch::cli
