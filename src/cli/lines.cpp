// lines.h says what it promises.
#include "cli/lines.h"

#include <utility>

#include "base/format.h"

namespace llorch::cli {

LineReader::LineReader(Take take, std::size_t max_bytes) : take_(std::move(take)), max_bytes_(max_bytes) {}

Status LineReader::push(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > max_bytes_) {
      return errorf(ErrorCode::internal, "a line of more than {} bytes", max_bytes_);
    }
    if (end == std::string_view::npos) {
      return {};
    }
    bytes.remove_prefix(end + 1);
    LL_TRY(finish());
  }
  return {};
}

Status LineReader::finish() {
  const std::string line = std::exchange(line_, {});
  std::string_view text = line;
  if (text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  const bool blank = text.find_first_not_of(" \t") == std::string_view::npos;
  return blank ? Status() : take_(text);
}

}  // namespace llorch::cli
