// ask_reply.h says what each promises. Everything here comes from another program: no field is taken for granted.
#include "cli/ask_reply.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/json.h"
#include "checkpoint/printable.h"

namespace llorch::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxSingleBytes = std::size_t{64} << 20;
constexpr std::size_t kShown = 200;

/// The worker did not do what was asked: exit code 1.
template <class... Args>
Error refused(fmt::format_string<Args...> format, Args&&... args) {
  return errorf(ErrorCode::internal, format, std::forward<Args>(args)...);
}

std::optional<std::string> text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

std::optional<double> number_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

/// "CODE: message" of an error's object; empty when it is none.
std::string code_and_message(const json& object) {
  const auto code = text_of(object, "code");
  const auto message = text_of(object, "message");
  return code && message ? fmt::format("{}: {}", printable(*code), printable(*message, 1000)) : "";
}

/// "top_p: must be between 0 and 1 (range(0,1), got 7)".
std::string field_error(const json& fault) {
  const std::string value = text_of(fault, "value").value_or("");
  return fmt::format("{}: {} ({}{})", printable(text_of(fault, "field").value_or("?")),
                     printable(text_of(fault, "message").value_or("?"), 1000),
                     printable(text_of(fault, "constraint").value_or("?")),
                     value.empty() ? "" : ", got " + printable(value, kShown));
}

}  // namespace

AskReply::AskReply(const std::string& format, Put put)
    : format_(format),
      put_(std::move(put)),
      sse_([this](const SseEvent& event) { return take_event(event.data); }),
      lines_([this](std::string_view line) { return take_event(line); }) {}

Status AskReply::push(std::string_view bytes) {
  if (format_ == "sse") {
    return sse_.push(bytes);
  }
  if (format_ == "ndjson") {
    return lines_.push(bytes);
  }
  single_ += bytes;
  return single_.size() <= kMaxSingleBytes ? Status() : refused("an answer of more than {} bytes", kMaxSingleBytes);
}

Status AskReply::finish() {
  if (format_ == "json") {
    return take_single();
  }
  if (format_ == "ndjson") {
    LL_TRY(lines_.finish());
  }
  return ended() ? Status() : refused("the stream ended without an end or error event");
}

Status AskReply::take_event(std::string_view text) {
  const Result<json> event = parse_json(text, "an event");
  const std::optional<std::string> type =
      event.ok() && event->is_object() ? text_of(*event, "type") : std::optional<std::string>();
  if (!type) {
    return refused("the worker sent what is no event: {}", printable(text, kShown));
  }
  if (ended()) {
    return refused("the worker sent more after its end event: {}", printable(text, kShown));
  }
  if (*type == "token") {
    const std::optional<std::string> piece = text_of(*event, "t");
    return piece ? put_(*piece) : refused("a token event without text: {}", printable(text, kShown));
  }
  if (*type == "error") {
    const std::string error = code_and_message(*event);
    return refused("{}", error.empty() ? printable(text, kShown) : error);
  }
  if (*type == "end") {
    end_ = *event;
  }
  return {};  // started, metrics, and what later workers may add
}

Status AskReply::take_single() {
  Result<json> answer = parse_json(single_, "the answer");
  const std::optional<std::string> text =
      answer.ok() && answer->is_object() ? text_of(*answer, "text") : std::optional<std::string>();
  if (!text) {
    return refused("the worker sent what is no answer: {}", printable(single_, kShown));
  }
  LL_TRY(put_(*text));
  end_ = std::move(*answer);
  return {};
}

std::string refusal_of(int status, std::string_view body) {
  const Result<json> parsed = parse_json(body, "the answer");
  const bool is_object = parsed.ok() && parsed->is_object();
  if (is_object && parsed->contains("errors") && (*parsed)["errors"].is_array() && !(*parsed)["errors"].empty()) {
    std::vector<std::string> lines;
    for (const json& fault : (*parsed)["errors"]) {
      lines.push_back(fault.is_object() ? field_error(fault) : printable(dump_json(fault), kShown));
    }
    return fmt::format("{}", fmt::join(lines, "\n"));
  }
  const std::string error = is_object ? code_and_message(*parsed) : "";
  return fmt::format("HTTP {}: {}", status, error.empty() ? printable(body, kShown) : error);
}

std::string times_line(const json& end, const AskTimes& here) {
  std::vector<std::string> worker;
  const auto add = [&](const char* format, const char* field) {
    if (const auto value = number_of(end, field)) {
      worker.push_back(fmt::format(fmt::runtime(format), *value));
    }
  };
  add("queue {:.1f} ms", "queue_ms");
  add("prefill {:.1f} ms", "prefill_ms");
  add("first token {:.1f} ms", "ttft_ms");
  add("{:.1f} tokens/s", "tokens_per_sec");
  const std::string reason = printable(text_of(end, "stop_reason").value_or("no stop reason"));
  const auto tokens = number_of(end, "tokens_out");
  const auto matched = text_of(end, "stop_sequence_matched");
  return fmt::format(
      "{} tokens, {}{}; the worker: {}; here: {}total {:.1f} ms", tokens ? fmt::format("{:.0f}", *tokens) : "?", reason,
      matched ? fmt::format(" '{}'", printable(*matched)) : "",
      worker.empty() ? "no times" : fmt::format("{}", fmt::join(worker, ", ")),
      here.first_text_ms < 0 ? "" : fmt::format("first text {:.1f} ms, ", here.first_text_ms), here.total_ms);
}

}  // namespace llorch::cli
