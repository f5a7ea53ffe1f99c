// StopText: holds text back while it may still become a stop sequence, so that not even a part of one is ever emitted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace llorch {

class StopText {
 public:
  explicit StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// Text that may be emitted, and the last token whose text it completes; empty: nothing yet.
  struct Piece {
    std::string text;
    int index = 0;
  };
  /// Adds the text that token `index` completed. When a stop sequence is found, matched() is set and the piece is the
  /// rest of the text before it.
  Piece push(const std::string& text, int index);
  /// The text still held back, when the sequence ends for another reason.
  Piece finish();
  const std::optional<std::string>& matched() const { return matched_; }

 private:
  Piece emit(std::size_t n_bytes);
  bool find_match(std::size_t& at);
  std::size_t safe_bytes() const;

  std::vector<std::string> stops_;
  std::string held_;
  std::vector<std::pair<std::size_t, int>> ends_;  // (end of a token's text in held_, token index)
  std::optional<std::string> matched_;
};

}  // namespace llorch
