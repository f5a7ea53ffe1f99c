// Lines out of bytes as they arrive: JSON lines (application/x-ndjson).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace llorch::cli {

class LineReader {
 public:
  using Take = std::function<Status(std::string_view)>;

  /// `take` is called with each line that is not blank, without its line end (\n or \r\n), as soon as that was seen;
  /// what it returns ends push(). A line of more than `max_bytes` is refused.
  explicit LineReader(Take take, std::size_t max_bytes = std::size_t{16} << 20);

  /// The next bytes of the stream. After an error the reader is not to be used again.
  Status push(std::string_view bytes);
  /// The stream has ended: the last line needs no line end.
  Status finish();

 private:
  Take take_;
  std::size_t max_bytes_;
  std::string line_;  // as far as it came
};

}  // namespace llorch::cli
