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
/// Replaces every occurrence of `from`, left to right.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace llorch
