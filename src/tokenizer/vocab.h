// Vocab: the texts of a tokenizer's tokens and the way back from text to id. Part of every Pipeline.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/text_hash.h"

namespace llorch {

/// Texts by id, in one block of memory, with a hash table from text to id. Ids may have holes.
class Vocab {
 public:
  /// `n_ids`: one more than the largest id; `text_bytes`: a guess of the sum of the texts.
  explicit Vocab(std::size_t n_ids = 0, std::size_t text_bytes = 0);

  /// Adds a token. False when the id or the text is taken, or the id is out of range: nothing is changed then.
  /// `findable` false keeps the text out of the hash table (two tokens of one text, control tokens of SPM).
  bool add(std::int32_t id, std::string_view text, bool findable = true) {
    return add(id, text, hash_text(text), findable);
  }
  bool add(std::int32_t id, std::string_view text, std::uint64_t hash, bool findable);

  std::optional<std::int32_t> find(std::string_view text) const { return find(text, hash_text(text)); }
  /// `hash` is hash_text(text). For many look-ups: ask for the memory of all with prefetch() first, for the second
  /// and third level with prefetch_entry() and prefetch_text() later, and look them up in the end.
  std::optional<std::int32_t> find(std::string_view text, std::uint64_t hash) const;
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]); }
  void prefetch_entry(std::uint64_t hash) const {
    const std::int32_t id = slots_[hash & (slots_.size() - 1)].id;
    if (id >= 0) {
      __builtin_prefetch(&entries_[static_cast<std::size_t>(id)]);
    }
  }
  void prefetch_text(std::uint64_t hash) const {
    const std::int32_t id = slots_[hash & (slots_.size() - 1)].id;
    if (id >= 0) {
      __builtin_prefetch(text_.data() + entries_[static_cast<std::size_t>(id)].offset);
    }
  }
  /// Empty for a hole.
  std::string_view text(std::int32_t id) const {
    if (!has(id)) {
      return {};
    }
    const Entry& entry = entries_[static_cast<std::size_t>(id)];
    return {text_.data() + entry.offset, entry.length};
  }
  bool has(std::int32_t id) const { return id >= 0 && id < size() && entries_[static_cast<std::size_t>(id)].used; }
  /// Whether find() gives this id for its text.
  bool is_findable(std::int32_t id) const { return has(id) && entries_[static_cast<std::size_t>(id)].findable; }
  int size() const { return static_cast<int>(entries_.size()); }
  std::size_t longest() const { return longest_; }

 private:
  struct Entry {
    std::size_t offset = 0;
    std::uint32_t length = 0;
    bool used = false;
    bool findable = false;
  };
  struct Slot {
    std::uint32_t check = 0;  // of the hash: most other texts are told apart without a look at them
    std::int32_t id = -1;     // -1: free
  };
  std::size_t slot_of(std::string_view text, std::uint64_t hash) const;

  std::vector<char> text_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;  // the size is a power of two, at most half of it taken
  std::size_t longest_ = 0;
};

/// add() of many findable tokens, in batches, so that the memory is waited for once a batch.
class VocabFiller {
 public:
  struct Item {
    std::int32_t id = -1;
    std::string text;
    std::uint64_t hash = 0;
  };
  explicit VocabFiller(Vocab& vocab) : vocab_(vocab) {}
  /// False when one so far was refused: see refused().
  bool add(std::int32_t id, std::string_view text);
  /// After the last one.
  bool done();
  const Item& refused() const { return refused_; }

 private:
  Vocab& vocab_;
  std::array<Item, 32> items_;
  std::size_t n_items_ = 0;
  Item refused_;
};

}  // namespace llorch
