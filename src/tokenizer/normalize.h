// Normalizers: the first rewriting of text in a tokenizer. A Sequence of tokenizer.json is a vector of steps.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/charsmap.h"
#include "tokenizer/regex.h"

namespace llorch {

enum class NormalForm { nfc, nfd, nfkc, nfkd };
struct FormStep {
  NormalForm form = NormalForm::nfc;
};
struct LowercaseStep {};
/// White space at the ends of the text.
struct StripStep {
  bool left = true;
  bool right = true;
};
/// Combining marks; letters that are composed with one stay.
struct StripAccentsStep {};
/// Put before any text that is not empty.
struct PrependStep {
  std::string text;
};
/// Every occurrence of a literal (not empty), or every match of a regular expression.
struct ReplaceStep {
  std::string from;
  std::string to;
  std::optional<Regex> regex = std::nullopt;  // in place of `from`
};
/// Control characters away, odd white space to spaces, as SentencePiece's "nmt" rules.
struct NmtStep {};
struct CharsmapStep {
  std::shared_ptr<const Charsmap> map;
  bool longest = false;  // SentencePiece's own way; else Hugging Face's
};
/// What BERT does before it cuts words.
struct BertStep {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};
/// Bytes become the 256 visible characters of GPT-2.
struct ByteCharactersStep {};
/// Spaces of a GGUF's "t5" to '▁': of runs of spaces one stays, before every word (merge), or all stay and one more is
/// put before the first word (prefix).
struct SpacesStep {
  bool prefix = false;
  bool merge = false;
};

using NormalizeStep = std::variant<FormStep, LowercaseStep, StripStep, StripAccentsStep, PrependStep, ReplaceStep,
                                   NmtStep, CharsmapStep, BertStep, ByteCharactersStep, SpacesStep>;

std::string normalize(const std::vector<NormalizeStep>& steps, std::string_view text);
/// Whether the result still begins where the text begins, as Hugging Face tokenizers trace it: not when the first
/// character was removed, or replaced together with others.
bool keeps_start(const std::vector<NormalizeStep>& steps, std::string_view text);

/// Calls fn(begin, end) for every match of the step's pattern, left to right. An empty text has none, as Hugging Face
/// has it.
template <class Fn>
void for_each_match(const ReplaceStep& step, std::string_view text, const Fn& fn) {
  if (step.regex) {
    if (text.empty()) {
      return;
    }
    for (const RegexMatch& match : step.regex->find_all(text)) {
      fn(match.begin, match.end);
    }
    return;
  }
  for (std::size_t at = 0; !step.from.empty() && (at = text.find(step.from, at)) != std::string_view::npos;) {
    fn(at, at + step.from.size());
    at += step.from.size();
  }
}
/// Replaces every match.
std::string replace_all(const ReplaceStep& step, std::string_view text);
/// Replaces every occurrence of `from`, left to right.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace llorch
