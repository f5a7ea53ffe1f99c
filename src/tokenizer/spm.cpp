// SpmModel: characters -> symbols -> merges by score; what is not in the vocabulary becomes bytes.
#include "tokenizer/spm.h"

#include "base/utf8.h"

namespace llorch {

SpmModel::SpmModel(std::shared_ptr<const Vocab> vocab, std::vector<float> scores,
                   const std::array<std::int32_t, 256>& byte_ids)
    : vocab_(std::move(vocab)), scores_(std::move(scores)), byte_ids_(byte_ids) {}

void SpmModel::encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  for (; piece.size() > kMaxPieceBytes; piece.remove_prefix(kMaxPieceBytes)) {
    encode(piece.substr(0, kMaxPieceBytes), scratch, out);
  }
  scratch.symbols.clear();
  for (std::size_t at = 0; at < piece.size();) {
    const auto length = static_cast<std::size_t>(decode_utf8(piece.substr(at)).length);
    const auto id = vocab_->find(piece.substr(at, length));
    scratch.add(id.value_or(-1), static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length));
    at += length;
  }
  merge_symbols(scratch, [&](const Symbol& a, const Symbol& b) -> std::optional<Merge> {
    const auto id = vocab_->find(piece.substr(a.begin, a.length + b.length));
    if (!id) {
      return std::nullopt;
    }
    return Merge{-static_cast<double>(scores_[static_cast<std::size_t>(*id)]), *id};
  });
  for (const Symbol& symbol : scratch.symbols) {
    if (symbol.length > 0 && symbol.id >= 0) {
      out.push_back(symbol.id);
    } else {
      for (const char c : piece.substr(symbol.begin, symbol.length)) {
        out.push_back(byte_ids_[static_cast<unsigned char>(c)]);
      }
    }
  }
}

}  // namespace llorch
