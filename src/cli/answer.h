// Answerer: one request at a time through an engine, its text or ids straight to standard output. Used by `run`, for a
// single prompt as for a conversation.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "tokenizer/chat.h"

namespace llorch::cli {

enum class Show : std::uint8_t { text, ids };

/// Ids of the conversation in the model's chat template; when there is none, the error says that --raw takes plain
/// text.
Result<std::vector<std::int32_t>> chat_ids(const LoadedModel& model, const std::vector<ChatMessage>& messages);

/// What one request brought.
struct Answer {
  std::string text;
  EndEvent end;
  bool stopped = false;  // by the flag of Answerer::answer
};

/// Times and speed, on stderr.
void print_stats(const Answer& answer);

class Answerer {
 public:
  /// `model` has a tokenizer and must outlive this.
  Answerer(LoadedModel& model, const SamplingArgs& args, Show show);

  /// Runs one request to its end; prints and flushes each piece as it comes. `stop` (may be null) is looked at between
  /// steps: once true, the answer ends where it is.
  Result<Answer> answer(std::vector<std::int32_t> prompt, bool continues_text, const std::atomic<bool>* stop);

 private:
  Request make_request(std::vector<std::int32_t> prompt, bool continues_text);

  Engine engine_;
  const SamplingArgs* args_;
  Show show_;
  std::uint64_t seed_;
  int n_requests_ = 0;
};

}  // namespace llorch::cli
