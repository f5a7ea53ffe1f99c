// BpeModel: byte-pair encoding by the rank of merges, as in tokenizer.json's model "BPE" and GGUF's "gpt2".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/model.h"
#include "tokenizer/vocab.h"

namespace llorch {

struct BpeOptions {
  bool ignore_merges = false;  // a piece that is a token as a whole is taken as it is
  bool byte_fallback = false;  // characters outside the vocabulary become <0xXX> tokens
  bool fuse_unk = false;       // neighbouring unknown characters become one unknown token
  bool raw_bytes = false;      // pieces are bytes, the vocabulary spells them in GPT-2's visible characters
  std::optional<std::int32_t> unk_id;
  std::string continuing_prefix;  // of every character of a piece but the first
  std::string word_suffix;        // of the last one
};

/// (left id, right id) -> rank and id of the joined token. Insert-only hash table.
class MergeTable {
 public:
  explicit MergeTable(std::size_t n_merges = 0);
  /// A pair that is there already takes the new rank (as a map filled in order would).
  void add(std::int32_t left, std::int32_t right, std::int32_t id);
  std::optional<Merge> find(std::int32_t left, std::int32_t right) const;
  void prefetch(std::int32_t left, std::int32_t right) const;

 private:
  struct Slot {
    std::uint64_t pair = kFree;
    std::int32_t rank = 0;
    std::int32_t id = 0;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};
  static std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t first_slot(std::uint64_t pair) const;
  std::size_t slot_of(std::uint64_t pair) const;

  std::vector<Slot> slots_;
  std::int32_t n_ranks_ = 0;
};

/// What is known of words that are tokens: whether their merges lead to that token. Found out when a word is first met;
/// safe to share, since all threads find the same.
class WholeWords {
 public:
  enum class State : std::uint8_t { unknown, whole, not_whole };
  explicit WholeWords(std::size_t n_ids) : states_(n_ids) {}
  State get(std::int32_t id) const { return states_[static_cast<std::size_t>(id)].load(std::memory_order_relaxed); }
  void set(std::int32_t id, bool whole) const {
    states_[static_cast<std::size_t>(id)].store(whole ? State::whole : State::not_whole, std::memory_order_relaxed);
  }
  /// A word that is the text of token `id`: the token where merges are known to end in it, else what merge() appends to
  /// `out`, and that is remembered.
  template <class Merge>
  void encode(std::int32_t id, std::vector<std::int32_t>& out, const Merge& merge) const {
    const State state = get(id);
    if (state == State::whole) {
      out.push_back(id);
      return;
    }
    const std::size_t begin = out.size();
    merge();
    if (state == State::unknown) {
      set(id, out.size() == begin + 1 && out.back() == id);
    }
  }

 private:
  mutable std::vector<std::atomic<State>> states_;
};

class BpeModel : public TokenModel {
 public:
  BpeModel(std::shared_ptr<const Vocab> vocab, MergeTable merges, const BpeOptions& options);
  void encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const override;

 private:
  void encode_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const;
  void merge_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const;
  void add_symbols(std::string_view piece, MergeScratch& scratch) const;
  void add_raw_symbols(std::string_view piece, MergeScratch& scratch) const;
  bool add_bytes(std::string_view character, std::size_t begin, MergeScratch& scratch) const;
  std::optional<std::int32_t> find_character(std::string_view character) const;

  std::shared_ptr<const Vocab> vocab_;
  std::shared_ptr<const Vocab> words_;  // texts as pieces spell them: vocab_, or its bytes
  MergeTable merges_;
  BpeOptions options_;
  bool splits_words_ = false;  // no token reaches over the begin of a word: see next_word()
  WholeWords whole_;
  std::array<std::int32_t, 256> byte_ids_;   // of <0xXX>; -1: absent
  std::array<std::int32_t, 256> raw_ids_;    // of bytes as visible characters; -1: absent
  std::array<std::int32_t, 128> ascii_ids_;  // of one-byte characters; -1: absent
};

/// Words: '▁'s and what follows them up to the next one. The end of the word that begins at `at`.
std::size_t next_word(std::string_view text, std::size_t at);
/// Whether no token of `vocab` that can be found contains the begin of a word, so that words can be merged one by one.
bool tokens_stay_in_words(const Vocab& vocab);

/// Ids of the tokens <0x00> to <0xFF>, -1 where there is none.
std::array<std::int32_t, 256> byte_token_ids(const Vocab& vocab);
/// The first byte (at least `from`) of UTF-8 text whose visible character (byte_level.h) is no token. 0xF1 to 0xF4 lead
/// only unassigned planes and are left out: StarCoder's vocabulary lacks them.
std::optional<int> missing_byte_character(const Vocab& vocab, int from = 0);

}  // namespace llorch
