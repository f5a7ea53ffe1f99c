// The body of POST /execute, checked: every fault of every field is found in one pass, so that a client mends them all
// at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sampling/params.h"
#include "server/fields.h"
#include "tokenizer/chat.h"

namespace llorch {

// The same for every model and server; a client may refuse by them before it asks.
inline constexpr std::size_t kMaxJobIdBytes = 128;
inline constexpr std::size_t kMaxStops = 16;
inline constexpr std::size_t kMaxStopBytes = 256;

struct ExecuteLimits {
  int max_tokens = 2048;  // of an answer
  int vocab = 0;
  ChatTemplates::ContentForms content_forms;
};

struct ExecuteRequest {
  std::string job_id;
  std::string prompt;             // when there are no messages
  std::optional<ChatInput> chat;  // nothing: `prompt`
  std::optional<int> max_tokens;  // nothing: as many as limit and context allow
  SamplingParams sampling;        // its seed is drawn when the client gives none
  std::vector<std::string> stop;
  bool parse_special = false;
  bool stream = true;
  bool trace = false;
};

/// The request, or every fault. A body that is no JSON object is one fault whose field is "body".
std::variant<ExecuteRequest, std::vector<FieldError>> parse_execute_request(std::string_view body,
                                                                            const ExecuteLimits& limits);

/// The job_id of a body that holds nothing else, or every fault.
std::variant<std::string, std::vector<FieldError>> parse_job_id(std::string_view body);

}  // namespace llorch
