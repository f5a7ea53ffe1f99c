// Text: UTF-8 in which every byte knows whether it was written by the template's author or came in from outside. What
// a user writes can then never be taken for a control token, however the template cuts and joins it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llorch::jinja {

/// Where bytes are from.
enum class Origin : bool {
  input,   // messages, tools, any variable that a caller may set
  author,  // the template itself, and the model's own names of special tokens
};

class Text {
 public:
  Text() = default;
  Text(std::string bytes, Origin origin) : bytes_(std::move(bytes)), first_(origin) {}

  std::string_view view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  /// Memory held, for budgets.
  std::size_t footprint() const { return bytes_.capacity() + flips_.capacity() * sizeof(std::size_t); }

  void append(std::string_view bytes, Origin origin);
  void append(const Text& other) { append(other, 0, other.size()); }
  /// Bytes `begin` to `end` of `other`, which is not this text.
  void append(const Text& other, std::size_t begin, std::size_t end);
  Text slice(std::size_t begin, std::size_t end) const;
  void reserve(std::size_t n_bytes) { bytes_.reserve(n_bytes); }

  /// Origin::author when every byte is the author's: the origin of what is computed from the text as a whole.
  Origin origin() const { return flips_.empty() ? first_ : Origin::input; }
  /// Calls use(bytes, origin) for every stretch of one origin, in order.
  template <class Use>
  void each_run(const Use& use) const {
    std::size_t begin = 0;
    Origin origin = first_;
    for (std::size_t i = 0; i <= flips_.size() && begin < bytes_.size(); ++i) {
      const std::size_t end = i < flips_.size() ? flips_[i] : bytes_.size();
      use(std::string_view(bytes_).substr(begin, end - begin), origin);
      begin = end;
      origin = other(origin);
    }
  }

 private:
  static Origin other(Origin origin) { return origin == Origin::input ? Origin::author : Origin::input; }
  Origin last() const { return flips_.size() % 2 == 0 ? first_ : other(first_); }

  std::string bytes_;
  Origin first_ = Origin::author;   // of the first byte
  std::vector<std::size_t> flips_;  // ascending offsets where the origin changes
};

}  // namespace llorch::jinja
