// Vocab: open addressing with linear probing; the texts lie one after another.
#include "tokenizer/vocab.h"

#include <algorithm>
#include <bit>
#include <span>

namespace llorch {

namespace {

std::uint32_t check_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

Vocab::Vocab(std::size_t n_ids, std::size_t text_bytes)
    : entries_(n_ids), slots_(std::bit_ceil(std::max<std::size_t>(8, n_ids * 2))) {
  text_.reserve(text_bytes);
}

std::size_t Vocab::slot_of(std::string_view text, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = static_cast<std::size_t>(hash) & mask;
  while (slots_[slot].id >= 0 && (slots_[slot].check != check_of(hash) || this->text(slots_[slot].id) != text)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

bool Vocab::add(std::int32_t id, std::string_view text, std::uint64_t hash, bool findable) {
  if (id < 0 || id >= size() || entries_[static_cast<std::size_t>(id)].used || text.size() > UINT32_MAX) {
    return false;
  }
  const std::size_t slot = findable ? slot_of(text, hash) : 0;
  if (findable && slots_[slot].id >= 0) {
    return false;
  }
  entries_[static_cast<std::size_t>(id)] = {text_.size(), static_cast<std::uint32_t>(text.size()), true, findable};
  text_.insert(text_.end(), text.begin(), text.end());
  if (findable) {
    slots_[slot] = {check_of(hash), id};
    longest_ = std::max(longest_, text.size());
  }
  return true;
}

std::optional<std::int32_t> Vocab::find(std::string_view text, std::uint64_t hash) const {
  if (text.size() > longest_) {
    return std::nullopt;
  }
  const std::int32_t id = slots_[slot_of(text, hash)].id;
  return id < 0 ? std::nullopt : std::optional(id);
}

bool VocabFiller::add(std::int32_t id, std::string_view text) {
  Item& item = items_[n_items_++];
  item.id = id;
  item.text = text;
  item.hash = hash_text(text);
  vocab_.prefetch(item.hash);
  return n_items_ < items_.size() || done();
}

bool VocabFiller::done() {
  const std::span<Item> batch(items_.data(), n_items_);
  n_items_ = 0;
  for (const Item& item : batch) {
    if (!vocab_.add(item.id, item.text, item.hash, true)) {
      refused_ = item;
      return false;
    }
  }
  return true;
}

}  // namespace llorch
