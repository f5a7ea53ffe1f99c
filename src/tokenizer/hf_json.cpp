// tokenizer.json -> Pipeline: vocabulary, merges and added tokens; the other parts are in hf_*.cpp.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/format.h"
#include "tokenizer/bpe.h"
#include "tokenizer/end_tokens.h"
#include "tokenizer/hf_components.h"
#include "tokenizer/json_node.h"
#include "tokenizer/loaders.h"

namespace llorch {
namespace {

/// A merge is "left right", or ["left", "right"] in newer files.
bool split_merge(simdjson::dom::element merge, std::string_view& left, std::string_view& right) {
  std::string_view text;
  if (merge.get(text) == simdjson::SUCCESS) {
    const std::size_t space = text.find(' ');
    left = text.substr(0, space);
    right = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
    return space != std::string_view::npos && right.find(' ') == std::string_view::npos;
  }
  simdjson::dom::array pair;
  return merge.get(pair) == simdjson::SUCCESS && pair.size() == 2 && pair.at(0).get(left) == simdjson::SUCCESS &&
         pair.at(1).get(right) == simdjson::SUCCESS;
}

Result<MergeTable> read_merges(const JsonNode& node, simdjson::dom::array merges, const Vocab& vocab) {
  std::size_t n_merges = 0;
  for ([[maybe_unused]] const simdjson::dom::element merge : merges) {
    ++n_merges;
  }
  MergeTable table(n_merges);
  std::size_t i = 0;
  std::string joined;
  for (const simdjson::dom::element merge : merges) {
    std::string_view left;
    std::string_view right;
    if (!split_merge(merge, left, right)) {
      return node.error("entry {} is not a pair of tokens", i);
    }
    joined.assign(left).append(right);
    const auto left_id = vocab.find(left);
    const auto right_id = vocab.find(right);
    const auto joined_id = vocab.find(joined);
    if (!left_id || !right_id || !joined_id) {
      return node.error("entry {} is '{}' + '{}', but '{}' is not in the vocabulary", i, left, right,
                        !left_id    ? left
                        : !right_id ? right
                                    : std::string_view(joined));
    }
    table.add(*left_id, *right_id, *joined_id);
    ++i;
  }
  return table;
}

Status refuse_option(const JsonNode& model, const char* key) {
  const JsonNode node = model.get(key);
  if (node.is_null()) {
    return {};
  }
  if (node.is_string()) {
    LL_ASSIGN(const std::string_view text, node.string());
    return text.empty() ? Status() : node.error("'{}' is not supported yet", text);
  }
  return node.error("is not supported yet");
}

Result<BpeOptions> read_bpe_options(const JsonNode& model, const Vocab& vocab) {
  LL_TRY(refuse_option(model, "dropout"));
  LL_TRY(refuse_option(model, "continuing_subword_prefix"));
  LL_TRY(refuse_option(model, "end_of_word_suffix"));
  BpeOptions options;
  LL_ASSIGN(options.ignore_merges, model.boolean_or("ignore_merges", false));
  LL_ASSIGN(options.byte_fallback, model.boolean_or("byte_fallback", false));
  LL_ASSIGN(options.fuse_unk, model.boolean_or("fuse_unk", false));
  const JsonNode unk = model.get("unk_token");
  if (!unk.is_null()) {
    LL_ASSIGN(const std::string_view text, unk.string());
    options.unk_id = vocab.find(text);
    if (!options.unk_id) {
      return unk.error("'{}' is not in the vocabulary", text);
    }
  }
  return options;
}

/// Byte-level text without an unknown token needs a token for every byte that UTF-8 can contain.
Status check_bytes(const JsonNode& model, const PipelineSpec& spec, const BpeOptions& options) {
  const bool byte_level = std::any_of(spec.pre_tokenizer.begin(), spec.pre_tokenizer.end(),
                                      [](const auto& s) { return std::holds_alternative<ByteLevelStep>(s); });
  const std::optional<int> missing = byte_level && !options.unk_id ? missing_byte_character(*spec.vocab) : std::nullopt;
  if (missing) {
    return model.get("vocab").error("has no token for byte 0x{:02X}", *missing);
  }
  return {};
}

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
  if (type == "Unigram") {
    return read_unigram(model, spec);
  }
  if (type == "WordPiece") {
    return read_wordpiece(model, spec);
  }
  if (type == "WordLevel") {
    return read_wordlevel(model, spec);
  }
  if (type != "BPE") {
    return model.error("model type '{}' is unknown", type);
  }
  LL_ASSIGN(spec.vocab, read_vocab(model.get("vocab")));
  LL_ASSIGN(const BpeOptions options, read_bpe_options(model, *spec.vocab));
  LL_TRY(check_bytes(model, spec, options));
  const JsonNode node = model.get("merges");
  LL_ASSIGN(const simdjson::dom::array merges, node.array());
  LL_ASSIGN(MergeTable table, read_merges(node, merges, *spec.vocab));
  spec.model = std::make_unique<BpeModel>(spec.vocab, std::move(table), options);
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

/// Ids may have holes, but the tables that they index must stay in proportion to the file.
static std::int64_t id_limit(std::size_t n_entries) {
  return static_cast<std::int64_t>(n_entries) * 2 + 4096;
}

Result<std::shared_ptr<const Vocab>> read_vocab(const JsonNode& node) {
  LL_ASSIGN(const simdjson::dom::object object, node.object());
  std::size_t n_entries = 0;
  std::size_t bytes = 0;
  std::int64_t largest = -1;
  for (const simdjson::dom::key_value_pair entry : object) {
    std::int64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS || id < 0) {
      return node.error("'{}' has no token id (an integer from 0)", entry.key);
    }
    ++n_entries;
    bytes += entry.key.size();
    largest = std::max(largest, id);
  }
  if (n_entries == 0) {
    return node.error("is empty");
  }
  if (largest >= id_limit(n_entries)) {
    return node.error("has the id {}, too large for {} entries", largest, n_entries);
  }
  auto vocab = std::make_shared<Vocab>(static_cast<std::size_t>(largest) + 1, bytes);
  for (const simdjson::dom::key_value_pair entry : object) {
    std::int64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS || !vocab->add(static_cast<std::int32_t>(id), entry.key)) {
      return node.error("'{}' or its id {} is there twice", entry.key, id);
    }
  }
  return std::shared_ptr<const Vocab>(std::move(vocab));
}

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
