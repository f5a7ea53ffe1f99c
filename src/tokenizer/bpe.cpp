// BpeModel: characters -> symbols -> merges by rank, with the fallbacks of Hugging Face tokenizers' BPE in its order.
#include "tokenizer/bpe.h"

#include <fmt/format.h>

#include <bit>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"

namespace llorch {

MergeTable::MergeTable(std::size_t n_merges) : slots_(std::bit_ceil(std::max<std::size_t>(8, n_merges * 2))) {}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  std::uint64_t hash = pair * 0x9E3779B97F4A7C15u;  // Fibonacci hashing; the high bits are the mixed ones
  hash ^= hash >> 32;
  std::size_t slot = static_cast<std::size_t>(hash) & mask;
  while (slots_[slot].pair != kFree && slots_[slot].pair != pair) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void MergeTable::add(std::int32_t left, std::int32_t right, std::int32_t id) {
  const std::uint64_t pair = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  slots_[slot_of(pair)] = {pair, n_ranks_++, id};
}

std::optional<Merge> MergeTable::find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  const Slot& slot = slots_[slot_of(pair)];
  if (slot.pair == kFree) {
    return std::nullopt;
  }
  return Merge{static_cast<double>(slot.rank), slot.id};
}

std::array<std::int32_t, 256> byte_token_ids(const Vocab& vocab) {
  std::array<std::int32_t, 256> ids;
  for (std::size_t b = 0; b < ids.size(); ++b) {
    ids[b] = vocab.find(fmt::format("<0x{:02X}>", b)).value_or(-1);
  }
  return ids;
}

std::optional<int> missing_byte_character(const Vocab& vocab) {
  for (int b = 0; b <= 0xF0; ++b) {
    const char byte = static_cast<char>(b);
    std::string text;
    append_byte_level({&byte, 1}, text);
    if (b != 0xC0 && b != 0xC1 && !vocab.find(text)) {
      return b;
    }
  }
  return std::nullopt;
}

BpeModel::BpeModel(std::shared_ptr<const Vocab> vocab, MergeTable merges, const BpeOptions& options)
    : vocab_(std::move(vocab)), merges_(std::move(merges)), options_(options), byte_ids_(byte_token_ids(*vocab_)) {
  for (std::size_t c = 0; c < ascii_ids_.size(); ++c) {
    const char text = static_cast<char>(c);
    ascii_ids_[c] = vocab_->find({&text, 1}).value_or(-1);
  }
}

std::optional<std::int32_t> BpeModel::find_character(std::string_view character) const {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first >= ascii_ids_.size()) {
    return vocab_->find(character);
  }
  const std::int32_t id = ascii_ids_[first];
  return id < 0 ? std::nullopt : std::optional(id);
}

bool BpeModel::add_bytes(std::string_view character, std::size_t begin, MergeScratch& scratch) const {
  for (const char c : character) {
    if (byte_ids_[static_cast<unsigned char>(c)] < 0) {
      return false;
    }
  }
  for (std::size_t i = 0; i < character.size(); ++i) {
    scratch.add(byte_ids_[static_cast<unsigned char>(character[i])], static_cast<std::uint32_t>(begin + i), 1);
  }
  return true;
}

void BpeModel::add_symbols(std::string_view piece, MergeScratch& scratch) const {
  std::uint32_t unknown = 0;  // bytes of unknown characters that wait for their token
  const auto flush = [&](std::size_t begin) {
    if (unknown > 0) {
      scratch.add(*options_.unk_id, static_cast<std::uint32_t>(begin) - unknown, unknown);
      unknown = 0;
    }
  };
  std::size_t at = 0;
  while (at < piece.size()) {
    const auto length = static_cast<std::size_t>(decode_utf8(piece.substr(at)).length);
    const std::string_view character = piece.substr(at, length);
    if (const auto id = find_character(character)) {
      flush(at);
      scratch.add(*id, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length));
    } else if (options_.byte_fallback && add_bytes(character, at, scratch)) {
      // Hugging Face leaves a waiting unknown token behind these bytes; so do we.
    } else if (options_.unk_id) {
      if (!options_.fuse_unk) {
        flush(at);
      }
      unknown += static_cast<std::uint32_t>(length);
    }
    at += length;
  }
  flush(at);
}

void BpeModel::encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  for (; piece.size() > kMaxPieceBytes; piece.remove_prefix(kMaxPieceBytes)) {
    encode(piece.substr(0, kMaxPieceBytes), scratch, out);
  }
  if (options_.ignore_merges) {
    if (const auto id = vocab_->find(piece)) {
      out.push_back(*id);
      return;
    }
  }
  scratch.symbols.clear();
  add_symbols(piece, scratch);
  merge_symbols(scratch, [&](const Symbol& a, const Symbol& b) { return merges_.find(a.id, b.id); });
  for (const Symbol& symbol : scratch.symbols) {
    if (symbol.length > 0) {
      out.push_back(symbol.id);
    }
  }
}

}  // namespace llorch
