// Vocab: open addressing with linear probing; the texts lie one after another.
#include "tokenizer/vocab.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace llorch {

Vocab::Vocab(std::size_t n_ids, std::size_t text_bytes)
    : entries_(n_ids), slots_(std::bit_ceil(std::max<std::size_t>(8, n_ids * 2)), -1) {
  text_.reserve(text_bytes);
}

std::size_t Vocab::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(text)&mask;
  while (slots_[slot] >= 0 && this->text(slots_[slot]) != text) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

bool Vocab::add(std::int32_t id, std::string_view text, bool findable) {
  if (id < 0 || id >= size() || entries_[static_cast<std::size_t>(id)].used || text.size() > UINT32_MAX) {
    return false;
  }
  const std::size_t slot = slot_of(text);
  if (findable && slots_[slot] >= 0) {
    return false;
  }
  entries_[static_cast<std::size_t>(id)] = {text_.size(), static_cast<std::uint32_t>(text.size()), true};
  text_.insert(text_.end(), text.begin(), text.end());
  if (findable) {
    slots_[slot] = id;
    longest_ = std::max(longest_, text.size());
  }
  return true;
}

std::optional<std::int32_t> Vocab::find(std::string_view text) const {
  if (text.size() > longest_) {
    return std::nullopt;
  }
  const std::int32_t id = slots_[slot_of(text)];
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string_view Vocab::text(std::int32_t id) const {
  if (!has(id)) {
    return {};
  }
  const Entry& entry = entries_[static_cast<std::size_t>(id)];
  return {text_.data() + entry.offset, entry.length};
}

bool Vocab::has(std::int32_t id) const {
  return id >= 0 && id < size() && entries_[static_cast<std::size_t>(id)].used;
}

}  // namespace llorch
