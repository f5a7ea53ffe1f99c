// What `llorch perplexity` found out, and its two forms: lines for people, and JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/divergence.h"
#include "cli/likelihood.h"

namespace llorch::cli {

struct PerplexityReport {
  std::string model;
  std::string device;  // "cpu:avx2"
  std::string activations;
  std::string file;
  std::int64_t text_bytes = 0;
  std::int64_t text_tokens = 0;  // with those that the tokenizer adds
  std::int64_t window = 0;       // tokens of a window
  std::int64_t n_windows = 0;
  bool whole_windows = true;       // false: the text fills no window, and all of it but the first token was scored
  std::int64_t unused_tokens = 0;  // behind the last window
  std::int64_t scored_bytes = 0;
  RunningMean nll;  // in nats; one number a scored token

  struct Against {
    std::string file;
    std::string model;
    DivergenceSummary divergence;
  };
  std::optional<Against> against;
  struct Saved {
    std::string file;
    std::int64_t bytes = 0;
  };
  std::optional<Saved> saved;
};

void print(const PerplexityReport& report);
/// A number that does not exist (a standard error of one token) is null.
nlohmann::json to_json(const PerplexityReport& report);

}  // namespace llorch::cli
