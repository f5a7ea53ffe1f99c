// pre_tokenizer of a tokenizer.json -> steps; the meaning of each is in pretokenize.h.
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

Result<SplitStep> read_split(const JsonNode& node) {
  SplitStep step;
  LL_ASSIGN(PatternText pattern, read_pattern(node.get("pattern")));
  if (!pattern.literal.empty()) {
    step.pattern = std::move(pattern.literal);
  } else if (const auto known = pattern_of(pattern.regex)) {
    step.pattern = *known;
  } else {
    return node.get("pattern").error("the regular expression '{}' is not supported yet", pattern.regex);
  }
  LL_ASSIGN(step.behavior, read_behavior(node.get("behavior")));
  LL_ASSIGN(step.invert, node.boolean_or("invert", false));
  return step;
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
    ByteLevelStep step;
    LL_ASSIGN(step.add_prefix_space, node.boolean_or("add_prefix_space", true));
    LL_ASSIGN(step.use_regex, node.boolean_or("use_regex", true));
    steps.emplace_back(step);
  } else if (type == "Split") {
    LL_ASSIGN(SplitStep step, read_split(node));
    steps.emplace_back(std::move(step));
  } else if (type == "Metaspace") {
    LL_ASSIGN(MetaspaceStep step, read_metaspace(node));
    steps.emplace_back(std::move(step));
  } else if (type == "Digits") {
    LL_ASSIGN(const bool single, node.boolean_or("individual_digits", false));
    steps.emplace_back(SplitStep{single ? Pattern::number : Pattern::numbers, SplitBehavior::isolated, false});
  } else if (type == "Punctuation") {
    SplitStep step{Pattern::punctuation, SplitBehavior::isolated, false};
    if (!node.get("behavior").is_null()) {
      LL_ASSIGN(step.behavior, read_behavior(node.get("behavior")));
    }
    steps.emplace_back(step);
  } else {
    return not_supported(node, "pre_tokenizer", type);
  }
  return {};
}

}  // namespace llorch
