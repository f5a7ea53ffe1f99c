// Server-sent events out of bytes as they arrive, however the network cut them: "interpreting an event stream" of the
// WHATWG HTML standard (html.spec.whatwg.org, 9.2.6). `retry` is for clients that reconnect, and ignored here.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace llorch::cli {

struct SseEvent {
  std::string type = "message";
  std::string data;  // the lines of its data fields, with \n between them; valid UTF-8
  std::string id;    // the last id that the stream named
};

class SseParser {
 public:
  using Take = std::function<Status(const SseEvent&)>;

  /// `take` is called for each event as soon as the line end that completes it was seen; what it returns ends push().
  /// An event of more than `max_bytes` is refused, so that a peer cannot fill the memory.
  explicit SseParser(Take take, std::size_t max_bytes = std::size_t{16} << 20);

  /// The next bytes of the stream. After an error the parser is not to be used again. An event without its blank line
  /// at the end of the stream is none.
  Status push(std::string_view bytes);

 private:
  Status take_line();
  Status dispatch();

  Take take_;
  std::size_t max_bytes_;
  std::string line_;  // as far as it came
  bool first_line_ = true;
  bool after_cr_ = false;  // a \n that follows belongs to that line end
  std::string type_;
  std::string data_;  // each line with its \n
  std::string id_;
};

}  // namespace llorch::cli
