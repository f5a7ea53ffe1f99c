// Request and its events: what a front (server, CLI) hands to the engine and gets back.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sampling/params.h"

namespace llorch {

enum class StopReason : std::uint8_t { max_tokens, eos, stop_sequence, context };
/// "MAX_TOKENS", "EOS", "STOP_SEQUENCE", "CONTEXT"
std::string_view to_string(StopReason reason);

struct Request {
  std::string id;                    // unique among those in flight
  std::vector<std::int32_t> prompt;  // at least 1 token
  SamplingParams sampling;
  int max_tokens = 0;             // 0: as many as the context allows
  std::vector<std::string> stop;  // matched on text, across token borders; never emitted
  bool ignore_eos = false;
  bool continues_text = true;  // the output continues the prompt's text (raw), rather than begin one (chat)
  /// When the request came to us; timings count from here. Default: when the engine takes it.
  std::optional<std::chrono::steady_clock::time_point> arrived;
};

/// A request's share of one batch.
struct StepReport {
  std::chrono::steady_clock::time_point begin, end;
  int tokens = 0;  // of this request
  int batch_tokens = 0;
  int batch_sequences = 0;
};

/// Of one request, in milliseconds; queue and ttft count from its arrival.
struct Timings {
  double queue_ms = 0;
  double prefill_ms = 0;
  double ttft_ms = 0;
  double decode_ms = 0;
  int prompt_tokens = 0;
  int cached_tokens = 0;
  double tokens_per_sec = 0;
};

struct EndEvent {
  int tokens_out = 0;
  StopReason reason = StopReason::eos;
  std::string stop_sequence;  // the one that matched
  Timings timings;
};

/// Receives one request's events on the engine's thread; must not block. Calls: on_start, on_step, on_token
/// (id) and on_text any number of times, then exactly one of on_end and on_error.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_start() {}
  /// After each batch that held tokens of the request, before what they led to.
  virtual void on_step(const StepReport& /*step*/) {}
  /// Every sampled token, as it is drawn (EOS excluded).
  virtual void on_token(std::int32_t /*id*/, int /*index*/) {}
  /// Whole UTF-8 characters; `index` is the last token that `text` completes. Never empty, never part of a stop
  /// sequence.
  virtual void on_text(const std::string& text, int index) = 0;
  virtual void on_end(const EndEvent& end) = 0;
  virtual void on_error(const Error& error) = 0;
};

}  // namespace llorch
