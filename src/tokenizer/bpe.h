// BpeModel: byte-pair encoding by the rank of merges, as in tokenizer.json's model "BPE" and GGUF's "gpt2".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/model.h"
#include "tokenizer/vocab.h"

namespace llorch {

struct BpeOptions {
  bool ignore_merges = false;  // a piece that is a token as a whole is taken as it is
  bool byte_fallback = false;  // characters outside the vocabulary become <0xXX> tokens
  bool fuse_unk = false;       // neighbouring unknown characters become one unknown token
  std::optional<std::int32_t> unk_id;
};

/// (left id, right id) -> rank and id of the joined token. Insert-only hash table.
class MergeTable {
 public:
  explicit MergeTable(std::size_t n_merges = 0);
  /// A pair that is there already takes the new rank (as a map filled in order would).
  void add(std::int32_t left, std::int32_t right, std::int32_t id);
  std::optional<Merge> find(std::int32_t left, std::int32_t right) const;

 private:
  struct Slot {
    std::uint64_t pair = kFree;
    std::int32_t rank = 0;
    std::int32_t id = 0;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};
  std::size_t slot_of(std::uint64_t pair) const;

  std::vector<Slot> slots_;
  std::int32_t n_ranks_ = 0;
};

class BpeModel : public TokenModel {
 public:
  BpeModel(std::shared_ptr<const Vocab> vocab, MergeTable merges, const BpeOptions& options);
  void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const override;

 private:
  void add_symbols(std::string_view piece, MergeScratch& scratch) const;
  bool add_bytes(std::string_view character, std::size_t begin, MergeScratch& scratch) const;
  std::optional<std::int32_t> find_character(std::string_view character) const;

  std::shared_ptr<const Vocab> vocab_;
  MergeTable merges_;
  BpeOptions options_;
  std::array<std::int32_t, 256> byte_ids_;   // of <0xXX>; -1: absent
  std::array<std::int32_t, 128> ascii_ids_;  // of one-byte characters; -1: absent
};

/// Ids of the tokens <0x00> to <0xFF>, -1 where there is none.
std::array<std::int32_t, 256> byte_token_ids(const Vocab& vocab);
/// The first byte of UTF-8 text whose visible character (byte_level.h) is no token. 0xF1 to 0xF4 lead only unassigned
/// planes and are left out: StarCoder's vocabulary lacks them.
std::optional<int> missing_byte_character(const Vocab& vocab);

}  // namespace llorch
