// Runs of one origin are kept as the offsets where it flips, so that most texts need no list at all.
#include "jinja/text.h"

#include <algorithm>

namespace llorch::jinja {

void Text::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) {
    return;
  }
  if (bytes_.empty()) {
    first_ = origin;
  } else if (last() != origin) {
    flips_.push_back(bytes_.size());
  }
  bytes_.append(bytes);
}

void Text::append(const Text& other, std::size_t begin, std::size_t end) {
  const std::string_view bytes = other.view();
  auto flip = std::upper_bound(other.flips_.begin(), other.flips_.end(), begin);
  const bool odd = (flip - other.flips_.begin()) % 2 != 0;
  Origin origin = odd ? Text::other(other.first_) : other.first_;
  while (begin < end) {
    const std::size_t stop = flip == other.flips_.end() ? end : std::min(end, *flip);
    append(bytes.substr(begin, stop - begin), origin);
    begin = stop;
    origin = Text::other(origin);
    if (flip != other.flips_.end()) {
      ++flip;
    }
  }
}

Text Text::slice(std::size_t begin, std::size_t end) const {
  Text part;
  part.append(*this, begin, std::max(begin, end));
  return part;
}

}  // namespace llorch::jinja
