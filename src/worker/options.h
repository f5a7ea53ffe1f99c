// The options of a worker, from the command line and a TOML file, parsed and checked before anything else happens.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "checkpoint/manifest.h"
#include "server/api_keys.h"
#include "server/http.h"
#include "server/log.h"

namespace llorch {

/// What tells the daemons, and the tool's `serve`, apart.
struct Daemon {
  const char* name;                // "llorch-cpu-candled"
  const char* device;              // of create_backend(); "cuda": the index of --cuda-device follows; "": --device
  const char* default_model = "";  // "": --model is required
  bool text_log = false;           // log as text whatever stderr is
};

struct WorkerOptions {
  std::string model;
  std::string chat_template;                 // a file; empty: the model's own
  bool verify = false;                       // check every byte of the model, and tell its digest
  std::shared_ptr<const Manifest> manifest;  // with verify: what the model must be; null: any
  std::string worker_id;
  HttpOptions http;
  std::string callback_url;
  std::string advertise_url;  // empty: where it listens
  int threads = 0;            // 0: physical cores allowed to the process
  int context = 0;            // 0: the model's, at most 8,192
  int max_sequences = 8;
  int max_queue = 64;
  int max_tokens_out = 2048;
  std::int64_t kv_cache_mb = 0;  // 0: what max_sequences full contexts need
  double inference_timeout_s = 300;
  double drain_timeout_s = 30;
  double residency_interval_s = 60;
  double heartbeat_timeout_s = 60;
  Activations activations = Activations::q8;
  KvType kv_type = KvType::f16;
  bool repack = true;
  ApiKeys keys;
  LogFormat log_format = LogFormat::text;
  LogLevel log_level = LogLevel::info;
  bool log_prompts = false;
  int cuda_device = 0;

  std::string device;  // "cpu", "cuda:1"
};

inline std::chrono::milliseconds ms(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

/// The options, or the exit code with which the program is to end (0 after --help and --version; after a fault, which
/// was told on stderr, that of its error).
struct ParsedOptions {
  std::optional<WorkerOptions> options;
  int exit_code = 0;
};
ParsedOptions parse_options(const Daemon& daemon, int argc, const char* const* argv);

}  // namespace llorch
