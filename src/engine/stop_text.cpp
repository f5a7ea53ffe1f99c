#include "engine/stop_text.h"

#include <algorithm>

namespace llorch {

StopText::Piece StopText::push(const std::string& text, int index) {
  if (text.empty()) {
    return {};
  }
  held_ += text;
  ends_.emplace_back(held_.size(), index);
  if (std::size_t at = 0; find_match(at)) {
    return emit(at);
  }
  // Whole tokens only: an event names the last token that it completes.
  const std::size_t safe = safe_bytes();
  const auto last = std::find_if(ends_.rbegin(), ends_.rend(), [safe](const auto& end) { return end.first <= safe; });
  return last == ends_.rend() ? Piece{} : emit(last->first);
}

StopText::Piece StopText::finish() {
  return emit(held_.size());
}

/// Of all stop sequences in the held text the one that begins first; the longest of those.
bool StopText::find_match(std::size_t& at) {
  at = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t found = held_.find(stop);
    if (found != std::string::npos && (found < at || (found == at && stop.size() > matched_->size()))) {
      at = found;
      matched_ = stop;
    }
  }
  return at != std::string::npos;
}

/// Bytes before the first place from which the held text could still grow into a stop sequence.
std::size_t StopText::safe_bytes() const {
  std::size_t safe = held_.size();
  for (const std::string& stop : stops_) {
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > held_.size() - safe; --n) {
      if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) {
        safe = held_.size() - n;
        break;
      }
    }
  }
  return safe;
}

/// The piece's index is the last token that contributes to it: before a match that token's text may go on in the stop
/// sequence, which is never emitted.
StopText::Piece StopText::emit(std::size_t n_bytes) {
  if (n_bytes == 0) {
    return {};
  }
  Piece piece{.text = held_.substr(0, n_bytes)};
  const auto last =
      std::find_if(ends_.begin(), ends_.end(), [n_bytes](const auto& end) { return end.first >= n_bytes; });
  piece.index = last->second;
  held_.erase(0, n_bytes);
  std::erase_if(ends_, [n_bytes](const auto& end) { return end.first <= n_bytes; });
  for (auto& [end, index] : ends_) {
    end -= n_bytes;
  }
  return piece;
}

}  // namespace llorch
