// SpmModel: SentencePiece's BPE, merges by the score of the joined text, as in GGUF's "llama".
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/bpe.h"
#include "tokenizer/model.h"
#include "tokenizer/vocab.h"

namespace llorch {

class SpmModel : public TokenModel {
 public:
  /// `vocab` finds only texts that may be joined (no control, unknown or byte tokens); `scores` by id;
  /// `byte_ids` of <0x00> to <0xFF>, all present.
  SpmModel(std::shared_ptr<const Vocab> vocab, std::vector<float> scores,
           const std::array<std::int32_t, 256>& byte_ids);
  void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const override;

 private:
  void encode_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const;
  void merge_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const;

  std::shared_ptr<const Vocab> vocab_;
  std::vector<float> scores_;
  bool splits_words_;  // no token reaches over the begin of a word
  WholeWords whole_;
  std::array<std::int32_t, 256> byte_ids_;
};

}  // namespace llorch
