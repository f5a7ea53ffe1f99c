// What `llorch ask` gets: the events of an answer in the three shapes that a worker sends, its errors, and the line of
// times at the end.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/lines.h"
#include "cli/sse.h"

namespace llorch::cli {

/// The body of a reply with status 200.
class AskReply {
 public:
  using Put = std::function<Status(std::string_view)>;

  /// `format`: sse, ndjson, json. `put` gets each text as it comes; what it returns ends push().
  AskReply(const std::string& format, Put put);

  /// The next bytes of the body. An `error` event is an error that holds its code and message; so is what is no event.
  Status push(std::string_view bytes);
  /// The body has ended: an error when the answer has not.
  Status finish();

  /// The `end` event (of a single object: all of it) has come.
  bool ended() const { return !end_.is_null(); }
  const nlohmann::json& end() const { return end_; }

 private:
  Status take_event(std::string_view text);
  Status take_single();

  std::string format_;
  Put put_;
  SseParser sse_;
  LineReader lines_;
  std::string single_;
  nlohmann::json end_;
};

/// What a reply with a status other than 200 says, a fault a line: the field errors of a 400, or code and message.
std::string refusal_of(int status, std::string_view body);

/// How long the client itself waited, from the moment that it asked.
struct AskTimes {
  double first_text_ms = -1;  // -1: no text came
  double total_ms = 0;
};

/// "12 tokens, EOS; the worker: ...; here: ...", as far as the `end` event has the numbers.
std::string times_line(const nlohmann::json& end, const AskTimes& here);

}  // namespace llorch::cli
