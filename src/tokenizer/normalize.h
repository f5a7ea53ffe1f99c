// Normalizers: the first rewriting of text in a tokenizer. A Sequence of tokenizer.json is a vector of steps.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace llorch {

struct NfcStep {};
/// Put before any text that is not empty.
struct PrependStep {
  std::string text;
};
/// Every occurrence of a literal (not empty).
struct ReplaceStep {
  std::string from;
  std::string to;
};

using NormalizeStep = std::variant<NfcStep, PrependStep, ReplaceStep>;

std::string normalize(const std::vector<NormalizeStep>& steps, std::string_view text);

/// Calls fn(begin, end) for every match of the step's pattern, left to right.
template <class Fn>
void for_each_match(const ReplaceStep& step, std::string_view text, const Fn& fn) {
  for (std::size_t at = 0; !step.from.empty() && (at = text.find(step.from, at)) != std::string_view::npos;) {
    fn(at, at + step.from.size());
    at += step.from.size();
  }
}
/// Replaces every occurrence of `from`, left to right.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace llorch
