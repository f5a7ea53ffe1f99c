// tokenizer.json -> Pipeline: the model's type and the order of reading; the parts are in hf_*.cpp.
#include <unordered_set>

#include "base/format.h"
#include "tokenizer/end_tokens.h"
#include "tokenizer/hf_bpe.h"
#include "tokenizer/hf_parts.h"
#include "tokenizer/json_node.h"
#include "tokenizer/loaders.h"

namespace llorch {
namespace {

/// Old files do not say the type: it is that of the first model whose fields are all there.
std::string_view guess_type(const JsonNode& model) {
  const auto has = [&](std::string_view key) { return !model.get(key).is_null(); };
  return has("merges")                     ? "BPE"
         : has("max_input_chars_per_word") ? "WordPiece"
         : model.get("vocab").is_array()   ? "Unigram"
                                           : "WordLevel";
}

Status read_model(const JsonNode& model, PipelineSpec& spec) {
  LL_TRY(model.object());
  LL_ASSIGN(const std::string type, model.string_or("type", guess_type(model)));
  constexpr std::pair<std::string_view, Status (*)(const JsonNode&, PipelineSpec&)> kReaders[] = {
      {"BPE", read_bpe},
      {"Unigram", read_unigram},
      {"WordPiece", read_wordpiece},
      {"WordLevel", read_wordlevel},
  };
  for (const auto& [name, read] : kReaders) {
    if (name == type) {
      return read(model, spec);
    }
  }
  return not_supported(model, "model", type);
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
