// model of a tokenizer.json, other than BPE: Unigram, WordPiece, WordLevel.
#include <cmath>
#include <unordered_map>

#include "tokenizer/hf_bpe.h"
#include "tokenizer/hf_parts.h"
#include "tokenizer/unigram.h"
#include "tokenizer/word_models.h"

namespace llorch {
namespace {

struct ScoredVocab {
  std::shared_ptr<const Vocab> vocab;
  std::vector<double> scores;
};

/// One entry of Unigram's vocabulary: ["text", score].
Status read_scored(const JsonNode& node, std::size_t index, simdjson::dom::element entry, std::string_view& text,
                   double& score) {
  simdjson::dom::array pair;
  if (entry.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(text) != simdjson::SUCCESS ||
      pair.at(1).get(score) != simdjson::SUCCESS || !std::isfinite(score)) {
    return node.error("entry {} is {}, a pair of text and score is needed", index, found_value(entry));
  }
  return {};
}

/// Of two entries with one text the last one is found, as in Hugging Face tokenizers.
Result<ScoredVocab> read_scored_vocab(const JsonNode& node) {
  LL_ASSIGN(const simdjson::dom::array entries, node.array());
  std::vector<std::pair<std::string_view, double>> pieces;
  std::unordered_map<std::string_view, std::size_t> last;
  std::size_t bytes = 0;
  for (const simdjson::dom::element entry : entries) {
    std::string_view text;
    double score = 0;
    LL_TRY(read_scored(node, pieces.size(), entry, text, score));
    last[text] = pieces.size();
    bytes += text.size();
    pieces.emplace_back(text, score);
  }
  if (pieces.empty()) {
    return node.error("is empty");
  }
  auto vocab = std::make_shared<Vocab>(pieces.size(), bytes);
  ScoredVocab scored;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    vocab->add(static_cast<std::int32_t>(i), pieces[i].first, last[pieces[i].first] == i);
    scored.scores.push_back(pieces[i].second);
  }
  scored.vocab = std::move(vocab);
  return scored;
}

}  // namespace

Status read_unigram(const JsonNode& model, PipelineSpec& spec) {
  LL_ASSIGN(ScoredVocab scored, read_scored_vocab(model.get("vocab")));
  UnigramOptions options;
  LL_ASSIGN(options.byte_fallback, model.boolean_or("byte_fallback", false));
  const JsonNode unk = model.get("unk_id");
  if (unk.is_null()) {
    spec.warnings.push_back(unk.error("is missing: characters that no token covers are left out").message);
  } else {
    LL_ASSIGN(const std::int64_t id, unk.integer());
    if (id < 0 || id >= scored.vocab->size()) {
      return unk.error("is {}, outside the vocabulary of {} tokens", id, scored.vocab->size());
    }
    options.unk_id = static_cast<std::int32_t>(id);
  }
  spec.vocab = scored.vocab;
  spec.model = std::make_unique<UnigramModel>(scored.vocab, std::move(scored.scores), options);
  return {};
}

Status read_wordpiece(const JsonNode& model, PipelineSpec& spec) {
  LL_ASSIGN(spec.vocab, read_hf_vocab(model.get("vocab")));
  WordPieceOptions options;
  LL_ASSIGN(options.unk_id, read_unknown(model, spec));
  LL_ASSIGN(options.continuing_prefix, model.string_or("continuing_subword_prefix", "##"));
  LL_ASSIGN(options.max_chars, model.integer_or("max_input_chars_per_word", 100));
  if (options.max_chars < 0) {
    return model.get("max_input_chars_per_word").error("is {}, a count is needed", options.max_chars);
  }
  spec.model = std::make_unique<WordPieceModel>(spec.vocab, std::move(options));
  return {};
}

Status read_wordlevel(const JsonNode& model, PipelineSpec& spec) {
  LL_ASSIGN(spec.vocab, read_hf_vocab(model.get("vocab")));
  LL_ASSIGN(const auto unk_id, read_unknown(model, spec));
  spec.model = std::make_unique<WordLevelModel>(spec.vocab, unk_id);
  return {};
}

}  // namespace llorch
