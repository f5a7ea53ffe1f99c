// GgufVocab: the keys tokenizer.ggml.* read and checked, before they become a Pipeline (gguf_tokenizer.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/metadata.h"
#include "tokenizer/pipeline.h"

namespace llorch {

/// tokenizer.ggml.token_type
enum class GgufTokenType : std::uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

struct GgufVocab {
  std::string model;  // "llama", "gpt2", "gemma4", "t5", "bert"
  std::string pre;    // empty: absent
  std::span<const std::string_view> tokens;
  std::vector<GgufTokenType> types;                                    // one for each token
  std::vector<float> scores;                                           // one for each token, of "llama" and "t5"
  std::span<const std::string_view> merges;                            // "gpt2"
  std::optional<std::int32_t> bos_id, eos_id, eot_id, eom_id, unk_id;  // in range
  std::optional<bool> add_bos, add_eos, add_space_prefix;
};

/// Errors (ErrorCode::model_file) name file, key and value. The result points into `metadata`.
Result<GgufVocab> read_gguf_vocab(const Metadata& metadata);

// What each model adds to a Pipeline (gguf_unigram.cpp, gguf_wordpiece.cpp); added tokens and ends are set afterwards.
Status fill_unigram(const Metadata& metadata, const GgufVocab& gguf, PipelineSpec& spec);
Status fill_wordpiece(const Metadata& metadata, const GgufVocab& gguf, PipelineSpec& spec);
/// Texts by id; those of `hidden` ids, and of ids that repeat a text, are not found by it.
std::shared_ptr<const Vocab> gguf_texts(const GgufVocab& gguf, const std::vector<bool>& hidden);

}  // namespace llorch
