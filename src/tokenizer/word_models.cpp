// WordPiece and WordLevel. Tokens are whole characters, so a match of bytes never ends inside one.
#include "tokenizer/word_models.h"

#include <algorithm>

namespace llorch {
namespace {

/// The tokens that begin with `prefix`, without it.
ByteTrie make_trie(const Vocab& vocab, std::string_view prefix) {
  std::vector<ByteTrie::Key> keys;
  for (std::int32_t id = 0; id < vocab.size(); ++id) {
    if (vocab.has(id) && vocab.find(vocab.text(id)) == id && vocab.text(id).starts_with(prefix)) {
      keys.emplace_back(vocab.text(id).substr(prefix.size()), id);
    }
  }
  return ByteTrie(std::move(keys));
}

std::int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

WordPieceModel::WordPieceModel(std::shared_ptr<const Vocab> vocab, WordPieceOptions options)
    : vocab_(std::move(vocab)),
      options_(std::move(options)),
      first_(make_trie(*vocab_, options_.first_prefix)),
      continuing_(make_trie(*vocab_, options_.continuing_prefix)) {}

/// Appends the tokens of a word; false when it cannot be covered.
bool WordPieceModel::cut(std::string_view word, std::vector<std::int32_t>& out) const {
  for (std::size_t at = 0; at < word.size();) {
    std::size_t length = 0;
    std::int32_t id = -1;
    (at == 0 ? first_ : continuing_).for_each_prefix(word.substr(at), [&](std::size_t n, std::int32_t found) {
      length = n;
      id = found;
    });
    if (id < 0) {
      return false;
    }
    out.push_back(id);
    at += length;
  }
  return true;
}

void WordPieceModel::encode(std::string_view piece, MergeScratch&, std::vector<std::int32_t>& out) const {
  const std::size_t n_before = out.size();
  if (count_characters(piece) > options_.max_chars || !cut(piece, out)) {
    out.resize(n_before);
    if (options_.unk_id) {
      out.push_back(*options_.unk_id);
    }
  }
}

void WordLevelModel::encode(std::string_view piece, MergeScratch&, std::vector<std::int32_t>& out) const {
  const auto id = vocab_->find(piece);
  if (id || unk_id_) {
    out.push_back(id ? *id : *unk_id_);
  }
}

}  // namespace llorch
