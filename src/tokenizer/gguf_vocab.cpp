// Reading and checking of a GGUF's vocabulary: lengths agree, types and ids are in range, scores are numbers.
#include "tokenizer/gguf_vocab.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

constexpr std::size_t kMaxTokens = std::size_t{1} << 24;

Status check_length(const Metadata& metadata, std::string_view key, std::size_t length, std::size_t n_tokens) {
  if (length != n_tokens) {
    return errorf(ErrorCode::model_file, "{}: {} has {} entries, tokenizer.ggml.tokens has {}", metadata.source(), key,
                  length, n_tokens);
  }
  return {};
}

Status read_tokens(const Metadata& metadata, GgufVocab& vocab) {
  LL_ASSIGN(vocab.tokens, metadata.strings("tokenizer.ggml.tokens"));
  if (vocab.tokens.empty() || vocab.tokens.size() > kMaxTokens) {
    return errorf(ErrorCode::model_file, "{}: tokenizer.ggml.tokens has {} entries, from 1 to {} are possible",
                  metadata.source(), vocab.tokens.size(), kMaxTokens);
  }
  return {};
}

Status read_types(const Metadata& metadata, GgufVocab& vocab) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  vocab.types.assign(vocab.tokens.size(), GgufTokenType::normal);
  if (!metadata.has(kKey)) {
    return {};
  }
  LL_ASSIGN(const auto types, metadata.integers(kKey));
  LL_TRY(check_length(metadata, kKey, types.size(), vocab.tokens.size()));
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] < 1 || types[i] > 6) {
      return errorf(ErrorCode::model_file, "{}: {}[{}] is {}, known types are 1 to 6", metadata.source(), kKey, i,
                    types[i]);
    }
    vocab.types[i] = static_cast<GgufTokenType>(types[i]);
  }
  return {};
}

Status read_scores(const Metadata& metadata, GgufVocab& vocab) {
  constexpr std::string_view kKey = "tokenizer.ggml.scores";
  LL_ASSIGN(const auto scores, metadata.numbers(kKey));
  LL_TRY(check_length(metadata, kKey, scores.size(), vocab.tokens.size()));
  vocab.scores.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i])) {
      return errorf(ErrorCode::model_file, "{}: {}[{}] is {}, which is no number", metadata.source(), kKey, i,
                    scores[i]);
    }
    vocab.scores.push_back(static_cast<float>(scores[i]));
  }
  return {};
}

Status read_id(const Metadata& metadata, std::string_view key, std::size_t n_tokens, std::optional<std::int32_t>& id) {
  if (metadata.has(key)) {
    LL_ASSIGN(const std::int64_t value, metadata.integer_in(key, 0, static_cast<std::int64_t>(n_tokens) - 1));
    id = static_cast<std::int32_t>(value);
  }
  return {};
}

/// What SPM and T5 files mean that do not name their special tokens.
void set_usual_ids(GgufVocab& vocab) {
  const auto usual = [&](std::optional<std::int32_t>& id, std::int32_t value) {
    if (!id && static_cast<std::size_t>(value) < vocab.tokens.size()) {
      id = value;
    }
  };
  if (vocab.model == "llama") {
    usual(vocab.bos_id, 1);
    usual(vocab.eos_id, 2);
    usual(vocab.unk_id, 0);
  } else if (vocab.model == "t5") {
    usual(vocab.eos_id, 1);
    usual(vocab.unk_id, 2);
  }
}

Status read_flag(const Metadata& metadata, std::string_view key, std::optional<bool>& flag) {
  if (metadata.has(key)) {
    LL_ASSIGN(flag, metadata.boolean(key));
  }
  return {};
}

}  // namespace

Result<GgufVocab> read_gguf_vocab(const Metadata& metadata) {
  GgufVocab vocab;
  LL_ASSIGN(vocab.model, metadata.string("tokenizer.ggml.model"));
  LL_ASSIGN(vocab.pre, metadata.string_or("tokenizer.ggml.pre", ""));
  constexpr std::string_view kModels[] = {"llama", "gpt2", "gemma4", "t5", "bert"};
  if (std::find(std::begin(kModels), std::end(kModels), vocab.model) == std::end(kModels)) {
    return errorf(ErrorCode::model_file,
                  "{}: tokenizer.ggml.model is '{}', supported are 'llama', 'gpt2', 'gemma4', 't5' and 'bert'",
                  metadata.source(), printable(vocab.model));
  }
  LL_TRY(read_tokens(metadata, vocab));
  LL_TRY(read_types(metadata, vocab));
  if (vocab.model == "llama" || vocab.model == "t5") {
    LL_TRY(read_scores(metadata, vocab));
  } else if (vocab.model == "bert") {
    // Its tokens are all there is.
  } else if (vocab.pre != "kimi-k2" || metadata.has("tokenizer.ggml.merges")) {  // its files may have none
    LL_ASSIGN(vocab.merges, metadata.strings("tokenizer.ggml.merges"));
  }
  const std::size_t n = vocab.tokens.size();
  LL_TRY(read_id(metadata, "tokenizer.ggml.bos_token_id", n, vocab.bos_id));
  LL_TRY(read_id(metadata, "tokenizer.ggml.eos_token_id", n, vocab.eos_id));
  LL_TRY(read_id(metadata, "tokenizer.ggml.unknown_token_id", n, vocab.unk_id));
  LL_TRY(read_id(metadata, "tokenizer.ggml.eot_token_id", n, vocab.eot_id));
  LL_TRY(read_id(metadata, "tokenizer.ggml.eom_token_id", n, vocab.eom_id));
  set_usual_ids(vocab);
  LL_TRY(read_flag(metadata, "tokenizer.ggml.add_bos_token", vocab.add_bos));
  LL_TRY(read_flag(metadata, "tokenizer.ggml.add_eos_token", vocab.add_eos));
  LL_TRY(read_flag(metadata, "tokenizer.ggml.add_space_prefix", vocab.add_space_prefix));
  return vocab;
}

}  // namespace llorch
