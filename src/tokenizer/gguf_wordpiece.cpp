// GGUF's "bert" -> Pipeline: WordPiece whose tokens begin a word with '▁' and go on with it without a mark.
#include <algorithm>
#include <limits>

#include "base/format.h"
#include "tokenizer/gguf_vocab.h"
#include "tokenizer/word_models.h"

namespace llorch {
namespace {

/// The id under `key`, or llama.cpp's default where there is none, if the vocabulary is large enough for it.
Result<std::optional<std::int32_t>> special_id(const Metadata& metadata, const GgufVocab& gguf, std::string_view key,
                                               std::int32_t fallback) {
  const auto n = static_cast<std::int64_t>(gguf.tokens.size());
  if (!metadata.has(key)) {
    return fallback < n ? std::optional(fallback) : std::nullopt;
  }
  LL_ASSIGN(const std::int64_t id, metadata.integer_in(key, 0, n - 1));
  return std::optional(static_cast<std::int32_t>(id));
}

}  // namespace

Status fill_wordpiece(const Metadata& metadata, const GgufVocab& gguf, PipelineSpec& spec) {
  spec.kind = "gguf-wordpiece";
  const std::string space = "\xE2\x96\x81";
  std::vector<bool> hidden;
  std::transform(gguf.types.begin(), gguf.types.end(), std::back_inserter(hidden),
                 [](GgufTokenType type) { return type == GgufTokenType::control || type == GgufTokenType::unknown; });
  spec.vocab = gguf_texts(gguf, hidden);
  WordPieceOptions options;
  options.first_prefix = space;
  options.continuing_prefix = "";
  options.max_chars = std::numeric_limits<std::int64_t>::max();
  LL_ASSIGN(options.unk_id, special_id(metadata, gguf, "tokenizer.ggml.unknown_token_id", 100));
  spec.model = std::make_unique<WordPieceModel>(spec.vocab, std::move(options));
  spec.normalizer.emplace_back(BertStep{});
  spec.pre_tokenizer.emplace_back(SplitStep{Pattern::white_space, SplitBehavior::removed, false});
  spec.pre_tokenizer.emplace_back(SplitStep{Pattern::punctuation, SplitBehavior::isolated, false});
  spec.decoder.steps = {ReplaceStep{space, " "}, WordPieceDecode{"", true}, FuseDecode{}, StripDecode{" ", 1, 0}};
  const bool has_bos = metadata.has("tokenizer.ggml.bos_token_id");
  LL_ASSIGN(const auto cls,
            special_id(metadata, gguf, has_bos ? "tokenizer.ggml.bos_token_id" : "tokenizer.ggml.cls_token_id", 101));
  LL_ASSIGN(const auto sep, special_id(metadata, gguf, "tokenizer.ggml.seperator_token_id", 102));  // its spelling
  if (cls && gguf.add_bos.value_or(true)) {
    spec.before = {*cls};
  }
  if (sep) {
    spec.after = {*sep};
  }
  return {};
}

}  // namespace llorch
