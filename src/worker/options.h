// The options of a worker, parsed and checked before anything else happens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "server/log.h"

namespace llorch {

/// What tells the three daemons apart.
struct Daemon {
  const char* name;    // "llorch-cpu-candled"
  const char* device;  // of create_backend(); "cuda": the index of --cuda-device follows
};

struct WorkerOptions {
  std::string model;
  std::string worker_id;
  std::string host = "127.0.0.1";
  int port = 8080;
  int threads = 0;  // 0: physical cores allowed to the process
  int context = 0;  // 0: the model's, at most 8,192
  int max_sequences = 8;
  int max_tokens_out = 2048;
  std::int64_t kv_cache_mb = 0;  // 0: what max_sequences full contexts need
  double drain_timeout_s = 30;
  Activations activations = Activations::q8;
  LogFormat log_format = LogFormat::text;
  LogLevel log_level = LogLevel::info;
  int cuda_device = 0;

  std::string device;  // "cpu", "cuda:1"
};

/// The options, or the exit code with which the program is to end (0 after --help and --version; 2 after a fault, which
/// was told on stderr).
struct ParsedOptions {
  std::optional<WorkerOptions> options;
  int exit_code = 0;
};
ParsedOptions parse_options(const Daemon& daemon, int argc, const char* const* argv);

}  // namespace llorch
