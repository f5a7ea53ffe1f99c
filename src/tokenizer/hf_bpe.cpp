// Vocabulary, merges and options of BPE. The merges are most of the work of loading: three look-ups for each.
#include "tokenizer/hf_bpe.h"

#include <algorithm>

#include "tokenizer/bpe.h"
#include "tokenizer/merge_reader.h"

namespace llorch {
Result<std::optional<std::int32_t>> read_unknown(const JsonNode& model, PipelineSpec& spec) {
  LL_ASSIGN(const std::string text, model.string_or("unk_token", "[UNK]"));
  const auto id = spec.vocab->find(text);
  if (!id) {
    spec.warnings.push_back(model.get("unk_token")
                                .error("'{}' is not in the vocabulary: what is not there either is left out", text)
                                .message);
  }
  return id;
}

Result<std::shared_ptr<const Vocab>> read_hf_vocab(const JsonNode& node) {
  LL_ASSIGN(const simdjson::dom::object object, node.object());
  std::size_t n_entries = 0;
  std::size_t bytes = 0;
  std::int64_t largest = -1;
  for (const simdjson::dom::key_value_pair entry : object) {
    std::int64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS || id < 0) {
      return node.error("'{}' has {} for an id, an integer from 0 is needed", entry.key, found_value(entry.value));
    }
    ++n_entries;
    bytes += entry.key.size();
    largest = std::max(largest, id);
  }
  if (n_entries == 0) {
    return node.error("is empty");
  }
  if (largest >= hf_id_limit(n_entries)) {
    return node.error("has the id {}, too large for {} entries", largest, n_entries);
  }
  auto vocab = std::make_shared<Vocab>(static_cast<std::size_t>(largest) + 1, bytes);
  VocabFiller filler(*vocab);
  bool once = true;
  for (const simdjson::dom::key_value_pair entry : object) {
    once = once && filler.add(static_cast<std::int32_t>(entry.value.get_int64().value_unsafe()), entry.key);
  }
  if (!once || !filler.done()) {
    return node.error("'{}' or its id {} is there twice", filler.refused().text, filler.refused().id);
  }
  return std::shared_ptr<const Vocab>(std::move(vocab));
}

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

bool is_version_line(simdjson::dom::element merge) {
  std::string_view text;
  return merge.get(text) == simdjson::SUCCESS && text.starts_with("#version");
}

namespace {

/// `prefix` of the right one is dropped where two are joined.
Result<MergeTable> read_merges(const JsonNode& node, simdjson::dom::array merges, const Vocab& vocab,
                               std::string_view prefix) {
  std::size_t n_merges = 0;
  for ([[maybe_unused]] const simdjson::dom::element merge : merges) {
    ++n_merges;
  }
  MergeReader reader(vocab, n_merges, prefix);
  const auto missing = [&] {
    const MergeReader::Missing& m = reader.missing();
    return node.error("entry {} is '{}' + '{}', but '{}' is not in the vocabulary", m.index, m.left, m.right, m.text);
  };
  std::size_t i = 0;
  for (const simdjson::dom::element merge : merges) {
    if (i == 0 && is_version_line(merge)) {
      ++i;
      continue;
    }
    std::string_view left;
    std::string_view right;
    if (!split_merge(merge, left, right)) {
      return node.error("entry {} is {}, a pair of tokens is needed", i, found_value(merge));
    }
    if (right.size() < prefix.size()) {
      return node.error("entry {} is '{}' + '{}', which is shorter than the prefix '{}'", i, left, right, prefix);
    }
    if (!reader.add(left, right)) {
      return missing();
    }
    ++i;
  }
  return reader.done() ? Result<MergeTable>(reader.take()) : missing();
}

/// Dropout is for training: only none of it gives the same ids twice.
Status check_dropout(const JsonNode& node) {
  if (node.is_null()) {
    return {};
  }
  LL_ASSIGN(const double dropout, node.number());
  return dropout == 0 ? Status() : node.error("is {}: ids at random are not supported", dropout);
}

Result<BpeOptions> read_bpe_options(const JsonNode& model, PipelineSpec& spec) {
  LL_TRY(check_dropout(model.get("dropout")));
  BpeOptions options;
  LL_ASSIGN(options.continuing_prefix, model.string_or("continuing_subword_prefix", ""));
  LL_ASSIGN(options.word_suffix, model.string_or("end_of_word_suffix", ""));
  LL_ASSIGN(options.ignore_merges, model.boolean_or("ignore_merges", false));
  LL_ASSIGN(options.byte_fallback, model.boolean_or("byte_fallback", false));
  LL_ASSIGN(options.fuse_unk, model.boolean_or("fuse_unk", false));
  if (!model.get("unk_token").is_null()) {
    LL_ASSIGN(options.unk_id, read_unknown(model, spec));
  }
  return options;
}

/// Byte-level text without an unknown token needs a token for every byte that UTF-8 can contain. Control characters are
/// missing in real vocabularies (falcon's): they are left out of the ids then, as Hugging Face does.
Status check_bytes(const JsonNode& model, PipelineSpec& spec, const BpeOptions& options) {
  constexpr int kFirstPrintable = 0x20;
  const bool byte_level = std::any_of(spec.pre_tokenizer.begin(), spec.pre_tokenizer.end(),
                                      [](const auto& s) { return std::holds_alternative<ByteLevelStep>(s); });
  if (!byte_level || options.unk_id) {
    return {};
  }
  if (const std::optional<int> missing = missing_byte_character(*spec.vocab, kFirstPrintable)) {
    return model.get("vocab").error("has no token for byte 0x{:02X}", *missing);
  }
  if (const std::optional<int> missing = missing_byte_character(*spec.vocab)) {
    spec.warnings.push_back(
        model.get("vocab").error("has no token for byte 0x{:02X}, which is left out of texts", *missing).message);
  }
  return {};
}

/// Bytes need not be made visible for a model that looks for them: true, and the last step is told so, when the step
/// does nothing but that.
bool leave_bytes(PipelineSpec& spec, const BpeOptions& options) {
  const auto is_byte_level = [](const auto& step) { return std::holds_alternative<ByteLevelStep>(step); };
  const auto n_steps = std::count_if(spec.pre_tokenizer.begin(), spec.pre_tokenizer.end(), is_byte_level);
  const bool has_unknown_bytes = (options.unk_id || options.byte_fallback) && missing_byte_character(*spec.vocab);
  const bool has_parts = !options.continuing_prefix.empty() || !options.word_suffix.empty();
  if (n_steps != 1 || !is_byte_level(spec.pre_tokenizer.back()) || has_unknown_bytes || has_parts) {
    return false;
  }
  std::get<ByteLevelStep>(spec.pre_tokenizer.back()).raw = true;
  return true;
}

}  // namespace

Status read_bpe(const JsonNode& model, PipelineSpec& spec) {
  LL_ASSIGN(spec.vocab, read_hf_vocab(model.get("vocab")));
  LL_ASSIGN(BpeOptions options, read_bpe_options(model, spec));
  LL_TRY(check_bytes(model, spec, options));
  options.raw_bytes = leave_bytes(spec, options);
  const JsonNode node = model.get("merges");
  LL_ASSIGN(const simdjson::dom::array merges, node.array());
  LL_ASSIGN(MergeTable table, read_merges(node, merges, *spec.vocab, options.continuing_prefix));
  spec.model = std::make_unique<BpeModel>(spec.vocab, std::move(table), options);
  return {};
}

}  // namespace llorch
