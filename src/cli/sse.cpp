// Bytes to lines to fields to events; sse.h says what it promises.
#include "cli/sse.h"

#include <utility>

#include "base/format.h"
#include "base/utf8.h"

namespace llorch::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

SseParser::SseParser(Take take, std::size_t max_bytes) : take_(std::move(take)), max_bytes_(max_bytes) {}

Status SseParser::push(std::string_view bytes) {
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    if (line_.size() + data_.size() > max_bytes_) {
      return errorf(ErrorCode::internal, "an event of more than {} bytes", max_bytes_);
    }
    if (end == std::string_view::npos) {
      return {};
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    LL_TRY(take_line());
    line_.clear();
  }
  return {};
}

Status SseParser::take_line() {
  std::string_view line = line_;
  if (std::exchange(first_line_, false) && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    return dispatch();
  }
  const std::size_t colon = line.find(':');  // at 0: a comment, which is a field without a name
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) {
    value.remove_prefix(1);
  }
  if (field == "event") {
    type_ = value;
  } else if (field == "data") {
    data_.append(value).push_back('\n');
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    id_ = value;
  }
  return {};
}

Status SseParser::dispatch() {
  std::string type = std::exchange(type_, {});
  std::string data = std::exchange(data_, {});
  if (data.empty()) {
    return {};
  }
  data.pop_back();
  return take_({type.empty() ? "message" : repair_utf8(type), repair_utf8(data), repair_utf8(id_)});
}

}  // namespace llorch::cli
