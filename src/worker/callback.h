// The ready callback: the worker tells its orchestrator that it can be used.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace llorch {

/// Whether libcurl can make sense of it.
bool is_http_url(const std::string& url);

struct ReadyReport {
  std::string worker_id;
  std::int64_t vram_bytes = 0;  // that the model holds on its device
  std::string uri;
};

/// Posts the report to `url` as JSON, up to 5 times with growing pauses, until a 2xx comes. `failed` is told of every
/// try that fails. ErrorCode::io when none succeeds.
Status post_ready(const std::string& url, const ReadyReport& report,
                  const std::function<void(int attempt, const std::string& why)>& failed);

}  // namespace llorch
