// Trust: which bytes of a text are from a trusted source (a chat template) and may become control tokens. Made from
// the segments of a prompt, carried through the normalizer, asked by the search for added tokens.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/normalize.h"
#include "tokenizer/tokenizer.h"

namespace llorch {

/// Trusted stretches of one text, in order, not empty, with untrusted bytes between any two.
class Trust {
 public:
  /// Marks [begin, end), which lies behind all that is marked.
  void add(std::size_t begin, std::size_t end);
  /// Every byte of [begin, end) is trusted.
  bool covers(std::size_t begin, std::size_t end) const;
  /// Of the part [begin, end) of the text, counted from `begin`.
  Trust part(std::size_t begin, std::size_t end) const;
  bool empty() const { return ranges_.empty(); }

  struct Range {
    std::size_t begin;
    std::size_t end;
  };
  std::span<const Range> ranges() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

/// The segments as one text of valid UTF-8. Each is repaired alone, so that no character spans a border; neighbours of
/// one kind are one stretch.
std::string join_segments(std::span<const TextSegment> segments, Trust& trust);

/// normalize() of `text`, and `trust` carried over to the result. What comes from trusted bytes alone is trusted; where
/// that cannot be told (a character composed across a border), it is not.
std::string normalize(const std::vector<NormalizeStep>& steps, std::string_view text, Trust& trust);

}  // namespace llorch
