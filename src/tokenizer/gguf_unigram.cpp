// GGUF's "t5" -> Pipeline: SentencePiece's unigram models, normalised and cut as llama.cpp does it.
#include <algorithm>

#include "base/format.h"
#include "tokenizer/gguf_vocab.h"
#include "tokenizer/unigram.h"

namespace llorch {
namespace {

constexpr std::string_view kCharsmapKey = "tokenizer.ggml.precompiled_charsmap";

Status add_charsmap(const Metadata& metadata, PipelineSpec& spec) {
  if (!metadata.has(kCharsmapKey)) {
    return {};
  }
  LL_ASSIGN(const auto values, metadata.integers(kCharsmapKey));
  if (values.empty()) {
    return {};
  }
  std::string blob;
  blob.reserve(values.size());
  for (const std::int64_t value : values) {
    if (value < -128 || value > 255) {
      return errorf(ErrorCode::model_file, "{}: {} holds {}, which is no byte", metadata.source(), kCharsmapKey, value);
    }
    blob += static_cast<char>(value);
  }
  auto map = Charsmap::parse(blob);
  if (!map.ok()) {
    return errorf(ErrorCode::model_file, "{}: {}: {}", metadata.source(), kCharsmapKey, map.error().message);
  }
  spec.normalizer.emplace_back(CharsmapStep{std::make_shared<const Charsmap>(std::move(map).value()), true});
  return {};
}

Result<bool> flag(const Metadata& metadata, std::string_view key) {
  return metadata.has(key) ? metadata.boolean(key) : Result<bool>(false);
}

}  // namespace

std::shared_ptr<const Vocab> gguf_texts(const GgufVocab& gguf, const std::vector<bool>& hidden) {
  auto vocab = std::make_shared<Vocab>(gguf.tokens.size());
  for (std::size_t i = 0; i < gguf.tokens.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (hidden[i] || !vocab->add(id, gguf.tokens[i])) {
      vocab->add(id, gguf.tokens[i], false);
    }
  }
  return vocab;
}

Status fill_unigram(const Metadata& metadata, const GgufVocab& gguf, PipelineSpec& spec) {
  spec.kind = "gguf-unigram";
  constexpr std::int32_t kUnknownId = 2;  // where the file does not say
  std::vector<double> scores;
  std::vector<bool> usable;
  std::vector<bool> hidden;
  float lowest = 0;
  bool any = false;
  for (std::size_t i = 0; i < gguf.tokens.size(); ++i) {
    const GgufTokenType type = gguf.types[i];
    const bool is_user = type == GgufTokenType::user_defined;
    usable.push_back(type == GgufTokenType::normal || type == GgufTokenType::unused || is_user);
    hidden.push_back(!usable.back());
    scores.push_back(is_user ? 0.0 : static_cast<double>(gguf.scores[i]));
    if (type == GgufTokenType::normal) {
      lowest = any ? std::min(lowest, gguf.scores[i]) : gguf.scores[i];
      any = true;
    }
  }
  UnigramOptions options;
  options.unk_id = gguf.unk_id ? *gguf.unk_id : std::min(kUnknownId, static_cast<std::int32_t>(gguf.tokens.size()) - 1);
  options.unk_score = static_cast<double>(lowest - 10.0F);
  spec.vocab = gguf_texts(gguf, hidden);
  spec.model = std::make_unique<UnigramModel>(spec.vocab, std::move(scores), options, usable);
  LL_TRY(add_charsmap(metadata, spec));
  LL_ASSIGN(const bool prefix, flag(metadata, "tokenizer.ggml.add_space_prefix"));
  LL_ASSIGN(const bool merge, flag(metadata, "tokenizer.ggml.remove_extra_whitespaces"));
  spec.normalizer.emplace_back(SpacesStep{prefix, merge});
  spec.decoder.steps = {ReplaceStep{"\xE2\x96\x81", " "}, ByteFallbackDecode{}, FuseDecode{}};
  if (prefix || merge) {
    spec.decoder.steps.emplace_back(StripDecode{" ", 1, 0});
  }
  if (gguf.add_bos.value_or(false) && gguf.bos_id) {
    spec.before = {*gguf.bos_id};
  }
  return {};
}

}  // namespace llorch
