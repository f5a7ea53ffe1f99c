// Regex: regular expressions of tokenizer.json, with the syntax and the leftmost-first matches of Oniguruma, which
// Hugging Face tokenizers use. Ours, because the time must be linear in the text and the stack flat, whatever the text.
//
//   pattern -> regex_parse*.cpp -> RegexTree -> regex_compile.cpp -> RegexProgram -> regex_match.cpp
//
// What is refused is listed in docs/tokenizers.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace llorch {

struct RegexProgram;

struct RegexMatch {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const RegexMatch&) const = default;
};

/// Working memory of matching, kept between calls. Of one thread.
class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(RegexScratch&&) noexcept;
  RegexScratch& operator=(RegexScratch&&) noexcept;
  /// What all calls did so far, in instructions and characters looked at.
  std::uint64_t steps() const;

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

/// Immutable; copies share one program and may be used from many threads.
class Regex {
 public:
  /// Errors (ErrorCode::unsupported) name the construct and where it stands, not the pattern.
  static Result<Regex> compile(std::string_view pattern);

  /// Appends all matches in `text` (UTF-8), left to right: none overlap, and an empty one does not touch the one before
  /// it. Time is proportional to text x program, memory to the longest attempt of one match.
  void find_all(std::string_view text, RegexScratch& scratch, std::vector<RegexMatch>& out) const;
  std::vector<RegexMatch> find_all(std::string_view text) const;
  /// False when every match has a character at least, whatever the text.
  bool may_match_nothing() const;

 private:
  explicit Regex(std::shared_ptr<const RegexProgram> program) : program_(std::move(program)) {}
  std::shared_ptr<const RegexProgram> program_;
};

}  // namespace llorch
