// One function per component kind, one branch per type; the meaning of each is in the header of its step.
#include "tokenizer/hf_components.h"

#include <algorithm>

namespace llorch {
namespace {

Error not_supported(const JsonNode& node, std::string_view component, std::string_view type) {
  return node.error("{} type '{}' is not supported yet", component, type);
}

/// {"String": "..."}: a literal. {"Regex": "..."} is given back in `regex`.
struct PatternText {
  std::string literal;
  std::string regex;
};
Result<PatternText> read_pattern(const JsonNode& node) {
  PatternText pattern;
  const JsonNode literal = node.get("String");
  if (!literal.is_null()) {
    LL_ASSIGN(const std::string_view text, literal.string());
    if (text.empty()) {
      return literal.error("is empty");
    }
    pattern.literal = text;
    return pattern;
  }
  LL_ASSIGN(const std::string_view text, node.get("Regex").string());
  pattern.regex = text;
  return pattern;
}

Result<ReplaceStep> read_replace(const JsonNode& node) {
  LL_ASSIGN(PatternText pattern, read_pattern(node.get("pattern")));
  if (pattern.literal.empty()) {
    return node.get("pattern").error("the regular expression '{}' is not supported yet in Replace", pattern.regex);
  }
  LL_ASSIGN(const std::string_view content, node.get("content").string());
  return ReplaceStep{pattern.literal, std::string(content)};
}

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

Result<std::string> read_replacement(const JsonNode& node) {
  LL_ASSIGN(std::string replacement, node.string_or("replacement", "\xE2\x96\x81"));
  if (replacement.empty()) {
    return node.get("replacement").error("is empty");
  }
  return replacement;
}

/// "prepend_scheme", or the older "add_prefix_space".
Result<PrependScheme> read_prepend_scheme(const JsonNode& node) {
  LL_ASSIGN(const bool add, node.boolean_or("add_prefix_space", true));
  LL_ASSIGN(const std::string scheme, node.string_or("prepend_scheme", add ? "always" : "never"));
  if (scheme == "always") {
    return PrependScheme::always;
  }
  if (scheme == "first") {
    return PrependScheme::first;
  }
  if (scheme == "never") {
    return PrependScheme::never;
  }
  return node.get("prepend_scheme").error("is '{}', no prepend scheme", scheme);
}

Result<MetaspaceStep> read_metaspace(const JsonNode& node) {
  MetaspaceStep step;
  LL_ASSIGN(step.replacement, read_replacement(node));
  LL_ASSIGN(step.prepend, read_prepend_scheme(node));
  LL_ASSIGN(step.split, node.boolean_or("split", true));
  return step;
}

Result<StripDecode> read_strip(const JsonNode& node) {
  StripDecode step;
  LL_ASSIGN(step.content, node.string_or("content", " "));
  LL_ASSIGN(const std::int64_t start, node.integer_or("start", 0));
  LL_ASSIGN(const std::int64_t stop, node.integer_or("stop", 0));
  if (start < 0 || start > INT32_MAX || stop < 0 || stop > INT32_MAX) {
    return node.error("start {} and stop {} must be counts", start, stop);
  }
  step.start = static_cast<int>(start);
  step.stop = static_cast<int>(stop);
  return step;
}

/// Calls read(child, out...) for every member of a Sequence's list.
template <class Read>
Status for_each_child(const JsonNode& node, std::string_view list, const Read& read) {
  LL_ASSIGN(const auto children, node.get(list).items());
  for (const JsonNode& child : children) {
    LL_TRY(read(child));
  }
  return {};
}

/// How many times as long the shortest piece can become.
double growth(const NfcStep&) {
  return 3;
}  // U+1D160 and its like
double growth(const PrependStep& step) {
  return 1 + static_cast<double>(step.text.size());
}
double growth(const ReplaceStep& step) {
  return std::max(1.0, static_cast<double>(step.to.size()) / static_cast<double>(step.from.size()));
}
double growth(const SplitStep&) {
  return 1;
}
double growth(const ByteLevelStep& step) {
  return step.add_prefix_space ? 4 : 2;
}
double growth(const MetaspaceStep& step) {
  return 2 * static_cast<double>(step.replacement.size());
}

template <class Steps>
double total_growth(const Steps& steps) {
  double total = 1;
  for (const auto& step : steps) {
    total *= std::visit([](const auto& known) { return growth(known); }, step);
  }
  return total;
}

/// TemplateProcessing's "single": special tokens around the text, which occurs once.
Status read_template(const JsonNode& node, std::vector<std::int32_t>& before, std::vector<std::int32_t>& after) {
  LL_ASSIGN(const auto parts, node.get("single").items());
  std::vector<std::int32_t> head;
  std::vector<std::int32_t> tail;
  int n_texts = 0;
  for (const JsonNode& part : parts) {
    if (!part.get("Sequence").is_null()) {
      ++n_texts;
      continue;
    }
    LL_ASSIGN(const std::string_view name, part.get("SpecialToken").get("id").string());
    LL_ASSIGN(const auto ids, node.get("special_tokens").get(name).get("ids").items());
    for (const JsonNode& id : ids) {
      LL_ASSIGN(const std::int64_t value, id.integer());
      if (value < 0 || value > INT32_MAX) {
        return id.error("is {}, no token id", value);
      }
      (n_texts == 0 ? head : tail).push_back(static_cast<std::int32_t>(value));
    }
  }
  if (n_texts != 1) {
    return node.get("single").error("has {} sequences, one is needed", n_texts);
  }
  before.insert(before.begin(), head.begin(), head.end());
  after.insert(after.end(), tail.begin(), tail.end());
  return {};
}

}  // namespace

Status read_normalizer(const JsonNode& node, std::vector<NormalizeStep>& steps) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type == "Sequence") {
    return for_each_child(node, "normalizers", [&](const JsonNode& child) { return read_normalizer(child, steps); });
  }
  if (type == "NFC") {
    steps.emplace_back(NfcStep{});
  } else if (type == "Prepend") {
    LL_ASSIGN(const std::string_view text, node.get("prepend").string());
    steps.emplace_back(PrependStep{std::string(text)});
  } else if (type == "Replace") {
    LL_ASSIGN(ReplaceStep step, read_replace(node));
    steps.emplace_back(std::move(step));
  } else {
    return not_supported(node, "normalizer", type);
  }
  return {};
}

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

Status read_decoder(const JsonNode& node, std::vector<DecodeStep>& steps) {
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type == "Sequence") {
    return for_each_child(node, "decoders", [&](const JsonNode& child) { return read_decoder(child, steps); });
  }
  if (type == "ByteLevel") {
    steps.emplace_back(ByteLevelDecode{});
  } else if (type == "ByteFallback") {
    steps.emplace_back(ByteFallbackDecode{});
  } else if (type == "Fuse") {
    steps.emplace_back(FuseDecode{});
  } else if (type == "Replace") {
    LL_ASSIGN(ReplaceStep step, read_replace(node));
    steps.emplace_back(std::move(step));
  } else if (type == "Strip") {
    LL_ASSIGN(StripDecode step, read_strip(node));
    steps.emplace_back(std::move(step));
  } else if (type == "Metaspace") {
    LL_ASSIGN(MetaspaceStep step, read_metaspace(node));
    steps.emplace_back(MetaspaceDecode{std::move(step.replacement), step.prepend != PrependScheme::never});
  } else {
    return not_supported(node, "decoder", type);
  }
  return {};
}

Status read_post_processor(const JsonNode& node, std::vector<std::int32_t>& before, std::vector<std::int32_t>& after) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type == "Sequence") {
    return for_each_child(node, "processors", [&](const JsonNode& c) { return read_post_processor(c, before, after); });
  }
  if (type == "TemplateProcessing") {
    return read_template(node, before, after);
  }
  if (type != "ByteLevel") {  // which only moves offsets
    return not_supported(node, "post_processor", type);
  }
  return {};
}

Status check_growth(const JsonNode& root, const PipelineSpec& spec) {
  const double in = total_growth(spec.normalizer) * total_growth(spec.pre_tokenizer);
  double out = 1;
  for (const DecodeStep& step : spec.decoder.steps) {
    const auto* replace = std::get_if<ReplaceStep>(&step);
    out *= replace != nullptr ? growth(*replace) : 1;
  }
  if (std::max(in, out) > kMaxGrowth) {
    return root.error("normalizer, pre_tokenizer and decoder can make a text {:.0f} times as long, the limit is {:.0f}",
                      std::max(in, out), kMaxGrowth);
  }
  return {};
}

}  // namespace llorch
