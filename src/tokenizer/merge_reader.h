// MergeReader: merges by text -> MergeTable. Each takes three look-ups in tables that no cache holds: they are done in
// batches, so that the memory is waited for once.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/bpe.h"

namespace llorch {

class MergeReader {
 public:
  /// `prefix` of the right one is dropped where two are joined; it must outlive this.
  MergeReader(const Vocab& vocab, std::size_t n_merges, std::string_view prefix = {})
      : vocab_(vocab), table_(n_merges), prefix_(prefix) {}

  /// What a merge lacks in the vocabulary.
  struct Missing {
    std::size_t index = 0;  // of the merge, in the order of add()
    std::string left, right, text;
  };
  /// Adds the next merge; the texts must stay until done(). False when one so far was wrong.
  bool add(std::string_view left, std::string_view right) {
    Item& item = items_[n_items_++];
    item.left = left;
    item.right = right;
    return n_items_ < kBatch || flush();
  }
  /// After the last one.
  bool done() { return flush(); }
  const Missing& missing() const { return missing_; }
  MergeTable take() { return std::move(table_); }

 private:
  static constexpr std::size_t kBatch = 32;
  struct Item {
    std::string_view left, right;
    std::string joined;
    std::array<std::uint64_t, 3> hashes;
    std::array<std::int32_t, 3> ids;
  };
  bool flush();

  const Vocab& vocab_;
  MergeTable table_;
  std::string_view prefix_;
  std::array<Item, kBatch> items_;
  std::size_t n_items_ = 0;
  std::size_t n_done_ = 0;
  Missing missing_;
};

}  // namespace llorch
