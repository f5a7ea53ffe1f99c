// Models whose pieces are words: WordPiece (the longest token first, continued by tokens with a prefix) and WordLevel
// (a word is a token or unknown).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/byte_trie.h"
#include "tokenizer/model.h"
#include "tokenizer/vocab.h"

namespace llorch {

struct WordPieceOptions {
  std::string continuing_prefix = "##";  // of tokens that go on with a word
  std::string first_prefix;              // of tokens that begin one (llama.cpp's "▁")
  std::int64_t max_chars = 100;          // longer words are unknown
  std::optional<std::int32_t> unk_id;    // absent: unknown words are left out
};

class WordPieceModel : public TokenModel {
 public:
  WordPieceModel(std::shared_ptr<const Vocab> vocab, WordPieceOptions options);
  void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const override;

 private:
  bool cut(std::string_view word, std::vector<std::int32_t>& out) const;

  std::shared_ptr<const Vocab> vocab_;
  WordPieceOptions options_;
  ByteTrie first_;
  ByteTrie continuing_;
};

class WordLevelModel : public TokenModel {
 public:
  WordLevelModel(std::shared_ptr<const Vocab> vocab, std::optional<std::int32_t> unk_id)
      : vocab_(std::move(vocab)), unk_id_(unk_id) {}
  void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const override;

 private:
  std::shared_ptr<const Vocab> vocab_;
  std::optional<std::int32_t> unk_id_;
};

}  // namespace llorch
