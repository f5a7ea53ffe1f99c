// SpmModel: characters -> symbols -> merges by score; what is not in the vocabulary becomes bytes.
#include "tokenizer/spm.h"

#include "base/utf8.h"

namespace llorch {

SpmModel::SpmModel(std::shared_ptr<const Vocab> vocab, std::vector<float> scores,
                   const std::array<std::int32_t, 256>& byte_ids)
    : vocab_(std::move(vocab)),
      scores_(std::move(scores)),
      splits_words_(tokens_stay_in_words(*vocab_)),
      whole_(static_cast<std::size_t>(vocab_->size())),
      byte_ids_(byte_ids) {}

void SpmModel::merge_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  scratch.symbols.clear();
  for (std::size_t at = 0; at < word.size();) {
    const auto length = static_cast<std::size_t>(decode_utf8(word.substr(at)).length);
    const auto id = vocab_->find(word.substr(at, length));
    scratch.add(id.value_or(-1), static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length));
    at += length;
  }
  merge_symbols(scratch, [&](const Symbol& a, const Symbol& b) -> std::optional<Merge> {
    const auto id = vocab_->find(word.substr(a.begin, a.length + b.length));
    if (!id) {
      return std::nullopt;
    }
    return Merge{-static_cast<double>(scores_[static_cast<std::size_t>(*id)]), *id};
  });
  for (const Symbol& symbol : scratch.symbols) {
    if (symbol.length > 0 && symbol.id >= 0) {
      out.push_back(symbol.id);
    } else {
      for (const char c : word.substr(symbol.begin, symbol.length)) {
        out.push_back(byte_ids_[static_cast<unsigned char>(c)]);
      }
    }
  }
}

void SpmModel::encode_word(std::string_view word, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  const std::optional<std::int32_t> id = vocab_->find(word);
  if (!id) {
    return merge_word(word, scratch, out);
  }
  whole_.encode(*id, out, [&] { merge_word(word, scratch, out); });
}

void SpmModel::encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  for (; piece.size() > kMaxPieceBytes; piece.remove_prefix(kMaxPieceBytes)) {
    encode(piece.substr(0, kMaxPieceBytes), scratch, out);
  }
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t end = splits_words_ ? next_word(piece, at) : piece.size();
    encode_word(piece.substr(at, end - at), scratch, out);
    at = end;
  }
}

}  // namespace llorch
