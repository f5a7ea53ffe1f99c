// UnigramModel: the most probable way to cut a text into pieces, as in tokenizer.json's model "Unigram" and GGUF's
// "t5".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/byte_trie.h"
#include "tokenizer/model.h"
#include "tokenizer/vocab.h"

namespace llorch {

struct UnigramOptions {
  std::optional<std::int32_t> unk_id;  // absent: characters that no piece covers are left out
  std::optional<double> unk_score;     // absent: the lowest score less 10
  bool byte_fallback = false;          // stretches of unknown characters become <0xXX> tokens
};

class UnigramModel : public TokenModel {
 public:
  /// A log probability for every id; ids for which `usable` is false are no pieces of text (empty: all are).
  UnigramModel(std::shared_ptr<const Vocab> vocab, std::vector<double> scores, const UnigramOptions& options,
               const std::vector<bool>& usable = {});
  /// Linear in the length of the piece (times the longest token).
  void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const override;

 private:
  void add_unknown(std::string_view text, std::vector<std::int32_t>& out) const;

  std::shared_ptr<const Vocab> vocab_;
  std::vector<double> scores_;
  UnigramOptions options_;
  ByteTrie trie_;
  double unk_score_ = 0;
  std::array<std::int32_t, 256> byte_ids_;  // of <0xXX>; -1: absent
};

}  // namespace llorch
