// tokenizer.json -> Pipeline: the model's type and the added tokens; the other parts are in hf_*.cpp.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/format.h"
#include "tokenizer/end_tokens.h"
#include "tokenizer/hf_bpe.h"
#include "tokenizer/hf_components.h"
#include "tokenizer/json_node.h"
#include "tokenizer/loaders.h"

namespace llorch {
namespace {

Status read_model(const JsonNode& model, PipelineSpec& spec) {
  LL_ASSIGN(const std::string type, model.string_or("type", model.get("merges").is_array() ? "BPE" : "none"));
  if (type != "BPE") {
    return model.error("model type '{}' is not supported yet", type);
  }
  return read_bpe(model, spec);
}

Result<AddedToken> read_added_token(const JsonNode& node) {
  AddedToken token;
  LL_ASSIGN(const std::int64_t id, node.get("id").integer());
  LL_ASSIGN(const std::string_view content, node.get("content").string());
  if (id < 0 || id > INT32_MAX) {
    return node.get("id").error("is {}, no token id", id);
  }
  token.id = static_cast<std::int32_t>(id);
  token.content = content;
  LL_ASSIGN(token.special, node.boolean_or("special", false));
  LL_ASSIGN(token.normalized, node.boolean_or("normalized", !token.special));
  LL_ASSIGN(token.lstrip, node.boolean_or("lstrip", false));
  LL_ASSIGN(token.rstrip, node.boolean_or("rstrip", false));
  LL_ASSIGN(token.single_word, node.boolean_or("single_word", false));
  return token;
}

Status read_added_tokens(const JsonNode& node, PipelineSpec& spec) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const auto items, node.items());
  const std::int64_t limit = hf_id_limit(static_cast<std::size_t>(spec.vocab->size()) + items.size());
  std::unordered_map<std::int32_t, std::string> contents;
  std::unordered_set<std::string> seen;
  for (const JsonNode& item : items) {
    LL_ASSIGN(AddedToken token, read_added_token(item));
    if (token.id >= limit) {
      return item.get("id").error("is {}, too large for {} tokens", token.id, spec.vocab->size());
    }
    if (token.content.empty() || !seen.insert(token.content).second) {
      continue;  // as Hugging Face does
    }
    const auto in_model = spec.vocab->find(token.content);
    if (in_model && *in_model != token.id) {
      spec.warnings.push_back(fmt::format("{}: {}: '{}' has id {} here and {} in the vocabulary, which is taken",
                                          item.file(), item.path(), token.content, token.id, *in_model));
      token.id = *in_model;
    }
    if (!in_model && spec.vocab->has(token.id)) {
      return item.error("'{}' has id {}, which is '{}' in the vocabulary", token.content, token.id,
                        spec.vocab->text(token.id));
    }
    const auto [other, is_new] = contents.emplace(token.id, token.content);
    if (!is_new) {
      return item.error("'{}' and '{}' have the same id {}", other->second, token.content, token.id);
    }
    spec.added.push_back(std::move(token));
  }
  // Special tokens are looked for first, which decides between two of one normalised form.
  std::stable_partition(spec.added.begin(), spec.added.end(), [](const AddedToken& t) { return t.special; });
  return {};
}

Status check_known_ids(const JsonNode& node, const PipelineSpec& spec, const std::vector<std::int32_t>& ids) {
  std::unordered_set<std::int32_t> added;
  for (const AddedToken& token : spec.added) {
    added.insert(token.id);
  }
  for (const std::int32_t id : ids) {
    if (!added.contains(id) && !spec.vocab->has(id)) {
      return node.error("names token id {}, which is not in the vocabulary", id);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Pipeline>> load_hf_tokenizer(std::string_view json, const std::string& name) {
  LL_ASSIGN(const JsonDocument document, JsonDocument::parse(json, name));
  const JsonNode root = document.root();
  PipelineSpec spec;
  spec.kind = "hf-json";
  for (const char* key : {"truncation", "padding"}) {
    if (!root.get(key).is_null()) {
      spec.warnings.push_back(fmt::format("{}: {} is not applied: prompts are encoded whole", name, key));
    }
  }
  LL_TRY(read_normalizer(root.get("normalizer"), spec.normalizer));
  LL_TRY(read_pre_tokenizer(root.get("pre_tokenizer"), spec.pre_tokenizer));
  LL_TRY(read_model(root.get("model"), spec));
  LL_TRY(read_added_tokens(root.get("added_tokens"), spec));
  const JsonNode post_processor = root.get("post_processor");
  LL_TRY(read_post_processor(post_processor, spec.before, spec.after));
  LL_TRY(check_known_ids(post_processor, spec, spec.before));
  LL_TRY(check_known_ids(post_processor, spec, spec.after));
  const JsonNode decoder = root.get("decoder");
  spec.decoder.join_with_spaces = decoder.is_null();
  if (!decoder.is_null()) {
    LL_TRY(read_decoder(decoder, spec.decoder.steps));
  }
  LL_TRY(check_growth(root, spec));
  if (!spec.before.empty()) {
    spec.bos_id = spec.before.front();
  }
  spec.end_ids = known_end_ids(spec.added);
  return std::make_unique<Pipeline>(std::move(spec));
}

}  // namespace llorch
