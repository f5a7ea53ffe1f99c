// The stages of a batch: hashes, slots, entries, texts, ids, then the merges' own slots.
#include "tokenizer/merge_reader.h"

#include <algorithm>

namespace llorch {

bool MergeReader::flush() {
  const std::span<Item> batch(items_.data(), n_items_);
  n_items_ = 0;
  for (Item& item : batch) {
    item.joined.assign(item.left).append(item.right.substr(std::min(prefix_.size(), item.right.size())));
    item.hashes = {hash_text(item.left), hash_text(item.right), hash_text(item.joined)};
    for (const std::uint64_t hash : item.hashes) {
      vocab_.prefetch(hash);
    }
  }
  for (const Item& item : batch) {
    for (const std::uint64_t hash : item.hashes) {
      vocab_.prefetch_entry(hash);
    }
  }
  for (const Item& item : batch) {
    for (const std::uint64_t hash : item.hashes) {
      vocab_.prefetch_text(hash);
    }
  }
  for (Item& item : batch) {
    const std::array<std::string_view, 3> texts = {item.left, item.right, item.joined};
    for (std::size_t i = 0; i < texts.size(); ++i) {
      item.ids[i] = vocab_.find(texts[i], item.hashes[i]).value_or(-1);
      if (item.ids[i] < 0) {
        const auto index = n_done_ + static_cast<std::size_t>(&item - batch.data());
        missing_ = {index, std::string(item.left), std::string(item.right), std::string(texts[i])};
        return false;
      }
    }
    table_.prefetch(item.ids[0], item.ids[1]);
  }
  for (const Item& item : batch) {
    table_.add(item.ids[0], item.ids[1], item.ids[2]);
  }
  n_done_ += batch.size();
  return true;
}

}  // namespace llorch
