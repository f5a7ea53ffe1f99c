// normalizer of a tokenizer.json -> steps; the meaning of each is in normalize.h.
#include "base/base64.h"
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

/// Types without options.
const NormalizeStep* plain_step(std::string_view type) {
  static const std::pair<std::string_view, NormalizeStep> kPlain[] = {
      {"NFC", FormStep{NormalForm::nfc}},
      {"NFD", FormStep{NormalForm::nfd}},
      {"NFKC", FormStep{NormalForm::nfkc}},
      {"NFKD", FormStep{NormalForm::nfkd}},
      {"Lowercase", LowercaseStep{}},
      {"StripAccents", StripAccentsStep{}},
      {"Nmt", NmtStep{}},
      {"ByteLevel", ByteCharactersStep{}},
  };
  for (const auto& [name, step] : kPlain) {
    if (name == type) {
      return &step;
    }
  }
  return nullptr;
}

Result<StripStep> read_strip(const JsonNode& node) {
  StripStep step;
  LL_ASSIGN(step.left, node.boolean_or("strip_left", true));
  LL_ASSIGN(step.right, node.boolean_or("strip_right", true));
  return step;
}

Result<BertStep> read_bert(const JsonNode& node) {
  BertStep step;
  LL_ASSIGN(step.clean_text, node.boolean_or("clean_text", true));
  LL_ASSIGN(step.handle_chinese_chars, node.boolean_or("handle_chinese_chars", true));
  LL_ASSIGN(step.lowercase, node.boolean_or("lowercase", true));
  LL_ASSIGN(step.strip_accents, node.boolean_or("strip_accents", step.lowercase));
  return step;
}

Result<CharsmapStep> read_charsmap(const JsonNode& node) {
  const JsonNode field = node.get("precompiled_charsmap");
  LL_ASSIGN(const std::string_view text, field.string());
  const auto blob = from_base64(text);
  if (!blob.ok()) {
    return field.error("is {}", blob.error().message);
  }
  auto map = Charsmap::parse(*blob);
  if (!map.ok()) {
    return field.error("{}", map.error().message);
  }
  return CharsmapStep{std::make_shared<const Charsmap>(std::move(map).value()), false};
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
  if (const NormalizeStep* step = plain_step(type)) {
    steps.push_back(*step);
  } else if (type == "Strip") {
    LL_ASSIGN(const StripStep strip, read_strip(node));
    steps.emplace_back(strip);
  } else if (type == "Prepend") {
    LL_ASSIGN(const std::string_view text, node.get("prepend").string());
    steps.emplace_back(PrependStep{std::string(text)});
  } else if (type == "Replace") {
    LL_ASSIGN(ReplaceStep replace, read_replace(node));
    steps.emplace_back(std::move(replace));
  } else if (type == "BertNormalizer") {
    LL_ASSIGN(const BertStep bert, read_bert(node));
    steps.emplace_back(bert);
  } else if (type == "Precompiled") {
    LL_ASSIGN(CharsmapStep charsmap, read_charsmap(node));
    steps.emplace_back(std::move(charsmap));
  } else {
    return not_supported(node, "normalizer", type);
  }
  return {};
}

}  // namespace llorch
