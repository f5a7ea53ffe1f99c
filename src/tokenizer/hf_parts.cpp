// One function per shared part.
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

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
  if (!add && (scheme == "always" || scheme == "first")) {
    return node.get("prepend_scheme").error("is '{}', though add_prefix_space is false", scheme);
  }
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

}  // namespace

Error not_supported(const JsonNode& node, std::string_view component, std::string_view type) {
  return node.error("{} type '{}' is not known", component, type);
}

Result<ReplaceStep> read_replace(const JsonNode& node) {
  const JsonNode pattern = node.get("pattern");
  LL_ASSIGN(const std::string_view content, node.get("content").string());
  const JsonNode literal = pattern.get("String");
  ReplaceStep step{"", std::string(content)};
  if (!literal.is_null()) {
    LL_ASSIGN(const std::string_view text, literal.string());
    step.from = text;
    if (!step.from.empty()) {
      return step;
    }
  }
  // An empty literal matches between any two characters, as the empty expression does.
  const JsonNode source = pattern.get("Regex");
  std::string_view text;
  if (literal.is_null()) {
    LL_ASSIGN(text, source.string());
  }
  auto regex = Regex::compile(text);
  if (!regex.ok()) {
    return source.error("the regular expression '{}': {}", one_line(text), regex.error().message);
  }
  step.regex = std::move(regex).value();
  return step;
}

Result<MetaspaceStep> read_metaspace(const JsonNode& node) {
  MetaspaceStep step;
  LL_ASSIGN(step.replacement, read_replacement(node));
  LL_ASSIGN(step.prepend, read_prepend_scheme(node));
  LL_ASSIGN(step.split, node.boolean_or("split", true));
  return step;
}

}  // namespace llorch
