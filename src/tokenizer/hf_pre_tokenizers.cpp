// pre_tokenizer of a tokenizer.json -> steps; the meaning of each is in pretokenize.h.
#include "base/utf8.h"
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

Result<SplitBehavior> read_behavior(const JsonNode& node) {
  LL_ASSIGN(const std::string_view name, node.string());
  constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous},
  };
  for (const auto& [known, behavior] : kNames) {
    if (known == name) {
      return behavior;
    }
  }
  return node.error("is '{}', no split behaviour", name);
}

Result<Regex> compile_at(const JsonNode& node, std::string_view pattern) {
  Result<Regex> regex = Regex::compile(pattern);
  if (!regex.ok()) {
    return node.error("the regular expression '{}': {}", one_line(pattern), regex.error().message);
  }
  return regex;
}

Result<SplitStep> read_split(const JsonNode& node) {
  SplitStep step;
  const JsonNode pattern = node.get("pattern");
  if (!pattern.get("String").is_null()) {
    LL_ASSIGN(const std::string_view literal, pattern.get("String").string());
    if (literal.empty()) {  // matches nothing, everywhere: cuts between all characters
      LL_ASSIGN(Regex regex, compile_at(pattern, ""));
      step.pattern = std::move(regex);
    } else {
      step.pattern = std::string(literal);
    }
  } else {
    LL_ASSIGN(const std::string_view text, pattern.get("Regex").string());
    if (const auto known = pattern_of(text)) {
      step.pattern = *known;
    } else {
      LL_ASSIGN(Regex regex, compile_at(pattern.get("Regex"), text));
      step.pattern = std::move(regex);
    }
  }
  LL_ASSIGN(step.behavior, read_behavior(node.get("behavior")));
  LL_ASSIGN(step.invert, node.boolean_or("invert", false));
  return step;
}

Result<SplitStep> read_delimiter(const JsonNode& node) {
  const JsonNode delimiter = node.get("delimiter");
  LL_ASSIGN(const std::string_view text, delimiter.string());
  if (text.empty() || decode_utf8(text).length != static_cast<int>(text.size())) {
    return delimiter.error("is '{}', not one character", text);
  }
  return SplitStep{std::string(text), SplitBehavior::removed, false};
}

Result<SplitStep> read_fixed_length(const JsonNode& node) {
  LL_ASSIGN(const std::int64_t length, node.integer_or("length", 5));
  if (length < 1) {
    return node.get("length").error("is {}, must be at least 1", length);
  }
  return SplitStep{FixedLength{static_cast<std::size_t>(length)}, SplitBehavior::isolated, false};
}

Result<SplitStep> read_punctuation(const JsonNode& node) {
  SplitStep step{Pattern::punctuation, SplitBehavior::isolated, false};
  if (!node.get("behavior").is_null()) {
    LL_ASSIGN(step.behavior, read_behavior(node.get("behavior")));
  }
  return step;
}

Result<ByteLevelStep> read_byte_level(const JsonNode& node) {
  ByteLevelStep step;
  LL_ASSIGN(step.add_prefix_space, node.boolean_or("add_prefix_space", true));
  LL_ASSIGN(step.use_regex, node.boolean_or("use_regex", true));
  return step;
}

/// Adds the step that `read` makes of a node.
template <class Step>
Status add_step(Result<Step> step, std::vector<PreTokenizeStep>& steps) {
  LL_ASSIGN(Step made, std::move(step));
  steps.emplace_back(std::move(made));
  return {};
}

}  // namespace

Status read_pre_tokenizer(const JsonNode& node, std::vector<PreTokenizeStep>& steps) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type == "Sequence") {
    return for_each_child(node, "pretokenizers", [&](const JsonNode& c) { return read_pre_tokenizer(c, steps); });
  }
  if (type == "ByteLevel") {
    return add_step(read_byte_level(node), steps);
  }
  if (type == "Split") {
    return add_step(read_split(node), steps);
  }
  if (type == "Metaspace") {
    return add_step(read_metaspace(node), steps);
  }
  if (type == "Punctuation") {
    return add_step(read_punctuation(node), steps);
  }
  if (type == "CharDelimiterSplit") {
    return add_step(read_delimiter(node), steps);
  }
  if (type == "FixedLength") {
    return add_step(read_fixed_length(node), steps);
  }
  if (type == "Digits") {
    LL_ASSIGN(const bool single, node.boolean_or("individual_digits", false));
    steps.emplace_back(SplitStep{single ? Pattern::digit : Pattern::digits, SplitBehavior::isolated, false});
  } else if (type == "Whitespace") {
    steps.emplace_back(SplitStep{Pattern::words, SplitBehavior::removed, true});
  } else if (type == "WhitespaceSplit") {
    steps.emplace_back(SplitStep{Pattern::white_space, SplitBehavior::removed, false});
  } else if (type == "UnicodeScripts") {
    steps.emplace_back(SplitStep{Pattern::scripts, SplitBehavior::removed, false});
  } else if (type == "BertPreTokenizer") {
    steps.emplace_back(SplitStep{Pattern::white_space, SplitBehavior::removed, false});
    steps.emplace_back(SplitStep{Pattern::punctuation, SplitBehavior::isolated, false});
  } else {
    return not_supported(node, "pre_tokenizer", type);
  }
  return {};
}

}  // namespace llorch
