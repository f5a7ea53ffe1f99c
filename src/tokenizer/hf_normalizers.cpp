// normalizer of a tokenizer.json -> steps; the meaning of each is in normalize.h.
#include "tokenizer/hf_parts.h"

namespace llorch {

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

}  // namespace llorch
