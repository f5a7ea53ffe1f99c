// post_processor of a tokenizer.json -> ids around a text.
#include "tokenizer/hf_parts.h"

namespace llorch {
namespace {

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

/// A pair of a token's text and its id: "sep" and "cls" of BertProcessing and RobertaProcessing.
Result<std::int32_t> read_named_id(const JsonNode& node) {
  LL_ASSIGN(const auto pair, node.items());
  if (pair.size() != 2) {
    return node.error("has {} entries, a text and an id are needed", pair.size());
  }
  LL_TRY(pair[0].string());
  LL_ASSIGN(const std::int64_t id, pair[1].integer());
  if (id < 0 || id > INT32_MAX) {
    return pair[1].error("is {}, no token id", id);
  }
  return static_cast<std::int32_t>(id);
}

Status read_bert(const JsonNode& node, std::vector<std::int32_t>& before, std::vector<std::int32_t>& after) {
  LL_ASSIGN(const std::int32_t cls, read_named_id(node.get("cls")));
  LL_ASSIGN(const std::int32_t sep, read_named_id(node.get("sep")));
  before.insert(before.begin(), cls);
  after.push_back(sep);
  return {};
}

}  // namespace

Status read_post_processor(const JsonNode& node, std::vector<std::int32_t>& before, std::vector<std::int32_t>& after) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const std::string_view type, node.get("type").string());
  if (type != "Sequence" && type != "ByteLevel" && (!before.empty() || !after.empty())) {
    // Hugging Face then takes the first special token for the text, and drops the text.
    return node.error("adds tokens where an earlier processor did so: that has no meaning");
  }
  if (type == "Sequence") {
    return for_each_child(node, "processors", [&](const JsonNode& c) { return read_post_processor(c, before, after); });
  }
  if (type == "TemplateProcessing") {
    return read_template(node, before, after);
  }
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return read_bert(node, before, after);
  }
  if (type != "ByteLevel") {  // which only moves offsets
    return not_supported(node, "post_processor", type);
  }
  return {};
}

}  // namespace llorch
