// Scanners: the regular expressions of pre-tokenizers, each written out as a function that walks the text once. Known
// ones only: a pattern is recognised by its text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llorch {

enum class Pattern {
  gpt2,         // letters, numbers and the rest, each with one space before; English contractions
  llama3,       // cl100k's: any one character before letters, numbers by three, newlines apart
  qwen2,        // the same, numbers by one
  number,       // one \p{N}
  numbers,      // \p{N}+
  digit,        // one character that Rust calls numeric
  digits,       // runs of them
  punctuation,  // one character of is_old_punctuation()
  white_space,  // one \s
  words,        // \w+|[^\w\s]+ with the \w of Rust's regex
  scripts,      // all before the first character that has a script is a match, stretches of one script are none
};

/// The pattern whose regular expression is `regex`, as it stands in tokenizer.json.
std::optional<Pattern> pattern_of(std::string_view regex);

/// A stretch of text that ends at `end` (and begins where the last one ended).
struct Cut {
  std::size_t end = 0;
  bool match = true;  // of the pattern; else what lies between matches
};

/// Cuts all of `text` (valid UTF-8) by the pattern; appends to `cuts`. Linear in the length.
void scan(Pattern pattern, std::string_view text, std::vector<Cut>& cuts);
/// The same for a literal (not empty).
void scan_literal(std::string_view literal, std::string_view text, std::vector<Cut>& cuts);

}  // namespace llorch
