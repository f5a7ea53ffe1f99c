// BpeModel: characters -> symbols -> merges by rank, with the fallbacks of Hugging Face tokenizers' BPE in its order.
#include "tokenizer/bpe.h"

#include <fmt/format.h>

#include <bit>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"

namespace llorch {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // '▁'

}  // namespace

MergeTable::MergeTable(std::size_t n_merges) : slots_(std::bit_ceil(std::max<std::size_t>(8, n_merges * 2))) {}

std::size_t MergeTable::first_slot(std::uint64_t pair) const {
  std::uint64_t hash = pair * 0x9E3779B97F4A7C15u;  // Fibonacci hashing; the high bits are the mixed ones
  hash ^= hash >> 32;
  return static_cast<std::size_t>(hash) & (slots_.size() - 1);
}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = first_slot(pair);
  while (slots_[slot].pair != kFree && slots_[slot].pair != pair) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void MergeTable::add(std::int32_t left, std::int32_t right, std::int32_t id) {
  const std::uint64_t pair = pair_of(left, right);
  slots_[slot_of(pair)] = {pair, n_ranks_++, id};
}

void MergeTable::prefetch(std::int32_t left, std::int32_t right) const {
  __builtin_prefetch(&slots_[first_slot(pair_of(left, right))]);
}

std::optional<Merge> MergeTable::find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = pair_of(left, right);
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

std::optional<int> missing_byte_character(const Vocab& vocab, int from) {
  for (int b = from; b <= 0xF0; ++b) {
    const char byte = static_cast<char>(b);
    std::string text;
    append_byte_level({&byte, 1}, text);
    if (b != 0xC0 && b != 0xC1 && !vocab.find(text)) {
      return b;
    }
  }
  return std::nullopt;
}

std::size_t next_word(std::string_view text, std::size_t at) {
  for (std::size_t from = at;;) {
    const std::size_t found = text.find(kSpace, from + 1);
    if (found == std::string_view::npos) {
      return text.size();
    }
    if (found > at && !text.substr(0, found).ends_with(kSpace)) {
      return found;
    }
    from = found;
  }
}

bool tokens_stay_in_words(const Vocab& vocab) {
  if (!vocab.find(kSpace)) {
    return false;
  }
  for (std::int32_t id = 0; id < vocab.size(); ++id) {
    const std::string_view text = vocab.text(id);
    if (vocab.is_findable(id) && !text.empty() && next_word(text, 0) != text.size()) {
      return false;
    }
  }
  return true;
}

namespace {

/// The same tokens by the bytes that they spell; those that spell none cannot be met.
std::shared_ptr<const Vocab> spelled_out(const Vocab& vocab) {
  auto words =
      std::make_shared<Vocab>(static_cast<std::size_t>(vocab.size()), static_cast<std::size_t>(vocab.size()) * 8);
  VocabFiller filler(*words);
  std::string bytes;
  for (std::int32_t id = 0; id < vocab.size(); ++id) {
    const std::string_view text = vocab.text(id);
    if (vocab.is_findable(id) && !text.empty() && from_byte_level(text, bytes)) {
      filler.add(id, bytes);  // not refused: texts that differ spell bytes that differ
    }
  }
  filler.done();
  return words;
}

}  // namespace

BpeModel::BpeModel(std::shared_ptr<const Vocab> vocab, MergeTable merges, const BpeOptions& options)
    : vocab_(std::move(vocab)),
      words_(options.raw_bytes ? spelled_out(*vocab_) : vocab_),
      merges_(std::move(merges)),
      options_(options),
      splits_words_(!options.raw_bytes && !options.ignore_merges && options.continuing_prefix.empty() &&
                    options.word_suffix.empty() && tokens_stay_in_words(*vocab_)),
      whole_(static_cast<std::size_t>(vocab_->size())),
      byte_ids_(byte_token_ids(*vocab_)) {
  for (std::size_t c = 0; c < ascii_ids_.size(); ++c) {
    const char text = static_cast<char>(c);
    ascii_ids_[c] = vocab_->find({&text, 1}).value_or(-1);
  }
  for (std::size_t b = 0; b < raw_ids_.size(); ++b) {
    const char byte = static_cast<char>(b);
    raw_ids_[b] = options.raw_bytes ? words_->find({&byte, 1}).value_or(-1) : -1;
  }
}

std::optional<std::int32_t> BpeModel::find_character(std::string_view character) const {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first >= ascii_ids_.size() || character.size() > 1) {
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
  const bool marked = !options_.continuing_prefix.empty() || !options_.word_suffix.empty();
  std::string marked_character;
  std::size_t at = 0;
  while (at < piece.size()) {
    const auto length = static_cast<std::size_t>(decode_utf8(piece.substr(at)).length);
    std::string_view character = piece.substr(at, length);
    if (marked) {
      marked_character.assign(at > 0 ? options_.continuing_prefix : "").append(character);
      marked_character += at + length == piece.size() ? options_.word_suffix : "";
      character = marked_character;
    }
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

/// Bytes without a token (no text has them) are left out, as Hugging Face does without an unknown token.
void BpeModel::add_raw_symbols(std::string_view piece, MergeScratch& scratch) const {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const std::int32_t id = raw_ids_[static_cast<unsigned char>(piece[i])];
    if (id >= 0) {
      scratch.add(id, static_cast<std::uint32_t>(i), 1);
    }
  }
}

void BpeModel::merge_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  scratch.symbols.clear();
  if (options_.raw_bytes) {
    add_raw_symbols(word, scratch);
  } else {
    add_symbols(word, scratch);
  }
  merge_symbols(scratch, [&](const Symbol& a, const Symbol& b) { return merges_.find(a.id, b.id); });
  for (const Symbol& symbol : scratch.symbols) {
    if (symbol.length > 0) {
      out.push_back(symbol.id);
    }
  }
}

void BpeModel::encode_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  const std::optional<std::int32_t> id = words_->find(word);
  if (!id) {
    return merge_word(word, scratch, out);
  }
  if (options_.ignore_merges) {
    out.push_back(*id);
    return;
  }
  whole_.encode(*id, out, [&] { merge_word(word, scratch, out); });
}

void BpeModel::encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  for (; piece.size() > kMaxPieceBytes; piece.remove_prefix(kMaxPieceBytes)) {
    encode(piece.substr(0, kMaxPieceBytes), scratch, out);
  }
  if (!splits_words_) {
    return encode_word(piece, scratch, out);
  }
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t end = next_word(piece, at);
    encode_word(piece.substr(at, end - at), scratch, out);
    at = end;
  }
}

}  // namespace llorch
