// Both sides are brought into one form: a list of cuts, each the regular expression that it stands for.
#include "tokenizer/gguf_pre_of.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

constexpr std::string_view kBytes = "bytes as characters";
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kDigits = R"(\p{N}+)";
constexpr std::string_view kPunctuation = "runs of punctuation";

Error no_name(const JsonNode& node, std::string_view what) {
  Error error = node.error("{}: no tokenizer.ggml.pre stands for that (--pre NAME says which one to write)", what);
  error.code = ErrorCode::unsupported;
  return error;
}

/// GPT-2's, which ByteLevel has built in.
std::string_view gpt2_regex() {
  return find_pre_rule("gpt-2")->regexes.front();
}

/// "\x{4e00}" and "\u{4e00}" as the characters that they are.
std::string with_characters(std::string_view regex) {
  std::string text;
  while (!regex.empty()) {
    const std::size_t end = regex.find('}');
    std::uint32_t code = 0;
    if ((regex.starts_with("\\x{") || regex.starts_with("\\u{")) && end != std::string_view::npos &&
        std::from_chars(regex.data() + 3, regex.data() + end, code, 16).ptr == regex.data() + end) {
      append_utf8(text, static_cast<char32_t>(code));
      regex.remove_prefix(end + 1);
    } else {
      text += regex.front();
      regex.remove_prefix(1);
    }
  }
  return text;
}

bool is_same_regex(std::string_view a, std::string_view b) {
  const auto known = pattern_of(a);
  return (known && known == pattern_of(b)) || with_characters(a) == with_characters(b);
}

Status append_split(const JsonNode& node, std::vector<std::string>& cuts) {
  const JsonNode pattern = node.get("pattern").get("Regex");
  LL_ASSIGN(const std::string behavior, node.string_or("behavior", ""));
  LL_ASSIGN(const bool invert, node.boolean_or("invert", false));
  // Where a pattern matches all there is, to drop what does not match is to cut out what does.
  const bool isolated = (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert);
  if (pattern.is_null() || !isolated) {
    return no_name(node, "a Split that does not cut out the matches of a regular expression");
  }
  LL_ASSIGN(const std::string_view regex, pattern.string());
  cuts.emplace_back(regex);
  return {};
}

Status append_cuts(const JsonNode& node, std::vector<std::string>& cuts) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type == "Sequence") {
    return for_each_child(node, "pretokenizers", [&](const JsonNode& child) { return append_cuts(child, cuts); });
  }
  if (type == "Split") {
    return append_split(node, cuts);
  }
  if (type == "Digits") {
    LL_ASSIGN(const bool single, node.boolean_or("individual_digits", false));
    cuts.emplace_back(single ? kDigit : kDigits);
    return {};
  }
  if (type == "Punctuation") {
    LL_ASSIGN(const std::string behavior, node.string_or("behavior", "Isolated"));
    cuts.emplace_back(kPunctuation);
    return behavior == "Contiguous" ? Status() : no_name(node, "Punctuation of this behavior");
  }
  if (type != "ByteLevel") {
    return no_name(node, fmt::format("'{}'", type));
  }
  LL_ASSIGN(const bool prefix, node.boolean_or("add_prefix_space", true));
  LL_ASSIGN(const bool use_regex, node.boolean_or("use_regex", true));
  if (prefix) {
    return no_name(node.get("add_prefix_space"), "a space in front of texts");
  }
  if (use_regex) {
    cuts.emplace_back(gpt2_regex());
  }
  cuts.emplace_back(kBytes);
  return {};
}

/// Whether texts are brought into NFC; nothing else has a name.
Status read_nfc(const JsonNode& node, bool& nfc) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type == "Sequence") {
    return for_each_child(node, "normalizers", [&](const JsonNode& child) { return read_nfc(child, nfc); });
  }
  nfc = true;
  return type == "NFC" ? Status() : no_name(node, fmt::format("'{}'", type));
}

std::vector<std::string> cuts_of(const PreRule& rule) {
  if (rule.shape == PreShape::falcon) {
    return {std::string(kPunctuation), std::string(gpt2_regex()), std::string(kBytes), std::string(kDigits),
            "[0-9][0-9][0-9]"};
  }
  std::vector<std::string> cuts(rule.regexes.begin(), rule.regexes.end());
  if (rule.shape == PreShape::byte_level) {
    cuts.emplace_back(kBytes);
  }
  return cuts;
}

}  // namespace

Result<std::string_view> pre_name_of(const JsonNode& tokenizer_json) {
  const JsonNode pre_tokenizer = tokenizer_json.get("pre_tokenizer");
  bool nfc = false;
  LL_TRY(read_nfc(tokenizer_json.get("normalizer"), nfc));
  std::vector<std::string> cuts;
  LL_TRY(append_cuts(pre_tokenizer, cuts));
  LL_ASSIGN(const bool ignore_merges, tokenizer_json.get("model").boolean_or("ignore_merges", false));
  const PreRule* best = nullptr;
  for (const PreRule& rule : pre_rules()) {
    const std::vector<std::string> known = cuts_of(rule);
    if (rule.nfc != nfc || !std::equal(cuts.begin(), cuts.end(), known.begin(), known.end(), is_same_regex)) {
      continue;
    }
    // Merges lead to the same tokens in a vocabulary made by merging: a rule that differs in this will do.
    if (best == nullptr || (best->ignore_merges != ignore_merges && rule.ignore_merges == ignore_merges)) {
      best = &rule;
    }
  }
  if (best == nullptr) {
    std::string list;
    for (const std::string& cut : cuts) {
      list.append(list.empty() ? "" : ", then ").append(one_line(cut));
    }
    return no_name(pre_tokenizer, fmt::format("{}{}", nfc ? "NFC, then " : "", list.empty() ? "nothing" : list));
  }
  return best->names.front();
}

}  // namespace llorch
