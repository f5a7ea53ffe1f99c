// What `quantize` and `convert` share: a GgufModel written as a file, in the formats of a recipe or in those it has.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/result.h"
#include "convert/gguf_model.h"

namespace llorch::cli {

struct GgufJob {
  std::string out;
  std::string type;     // a recipe; empty: each tensor keeps the format that it has
  std::string imatrix;  // empty: all weights count the same
  int threads = 0;
  bool allow_requantize = false;
  bool dry_run = false;
  bool json = false;
};

/// OUT and the options of a job, --type among them.
void add_job_options(CLI::App& app, GgufJob& job);

/// What can be refused before the model is opened: an unknown recipe, an importance matrix that has no effect.
Status check_job(const GgufJob& job);

/// Completes the model's keys, notes what the file cannot say, writes it, and prints what was written.
Status run_job(GgufModel& model, const GgufJob& job);

}  // namespace llorch::cli
