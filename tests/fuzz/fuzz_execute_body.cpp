// Fuzz target: the body of POST /execute, and of /cancel. A refusal names its faults as JSON that can be read again.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.h"
#include "server/execute_request.h"

namespace {

void check_faults(const std::vector<llorch::FieldError>& errors) {
  LL_CHECK(!errors.empty(), "a refusal has a reason");
  const auto body = nlohmann::json::parse(llorch::errors_body(errors));
  LL_CHECK(body["errors"].size() == errors.size(), "every fault is told");
  for (const auto& error : body["errors"]) {
    LL_CHECK(error.size() == 4 && error["value"].get<std::string>().size() < 200, "four fields, values in part");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto parsed = llorch::parse_execute_request(input, {.max_tokens = 100, .vocab = 1000});
  if (const auto* errors = std::get_if<std::vector<llorch::FieldError>>(&parsed)) {
    check_faults(*errors);
  } else {
    const auto& request = std::get<llorch::ExecuteRequest>(parsed);
    const llorch::SamplingParams& p = request.sampling;
    LL_CHECK(!request.job_id.empty() && request.job_id.size() <= 128, "the job id is in range");
    LL_CHECK(request.prompt.empty() == request.chat.has_value(), "a prompt or messages");
    LL_CHECK(request.max_tokens.value_or(1) >= 1 && request.max_tokens.value_or(1) <= 100, "max_tokens is in range");
    LL_CHECK(p.temperature >= 0 && p.temperature <= 2 && p.top_p >= 0 && p.top_p <= 1, "numbers are in range");
    LL_CHECK(p.top_k >= 0 && p.top_k <= 1000 && p.repetition_penalty > 0, "numbers are in range");
  }
  const auto cancel = llorch::parse_job_id(input);
  if (const auto* errors = std::get_if<std::vector<llorch::FieldError>>(&cancel)) {
    check_faults(*errors);
  }
  return 0;
}
