// Viterbi over byte positions. Of equally good ways the one found first stays: earlier beginnings, then shorter pieces,
// which is the order of Hugging Face tokenizers and of SentencePiece.
#include "tokenizer/unigram.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"
#include "tokenizer/bpe.h"

namespace llorch {
namespace {

constexpr double kUnknownPenalty = 10;
constexpr std::int32_t kUnknown = -1;  // a character that no piece covers, where there is no unknown token

ByteTrie make_trie(const Vocab& vocab, const std::vector<bool>& usable) {
  std::vector<ByteTrie::Key> keys;
  keys.reserve(static_cast<std::size_t>(vocab.size()));
  for (std::int32_t id = 0; id < vocab.size(); ++id) {
    if (vocab.has(id) && (usable.empty() || usable[static_cast<std::size_t>(id)])) {
      keys.emplace_back(vocab.text(id), id);
    }
  }
  return ByteTrie(std::move(keys));
}

/// The best way to reach a position.
struct Best {
  double score = 0;
  std::uint32_t begin = kNever;  // of its last piece
  std::int32_t id = kUnknown;
  static constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

  void offer(double other, std::size_t from, std::int32_t with) {
    if (begin == kNever || other > score) {
      *this = {other, static_cast<std::uint32_t>(from), with};
    }
  }
};

}  // namespace

UnigramModel::UnigramModel(std::shared_ptr<const Vocab> vocab, std::vector<double> scores,
                           const UnigramOptions& options, const std::vector<bool>& usable)
    : vocab_(std::move(vocab)),
      scores_(std::move(scores)),
      options_(options),
      trie_(make_trie(*vocab_, usable)),
      byte_ids_(byte_token_ids(*vocab_)) {
  double lowest = std::numeric_limits<double>::infinity();
  for (std::size_t id = 0; id < scores_.size(); ++id) {
    if (usable.empty() || usable[id]) {
      lowest = std::min(lowest, scores_[id]);
    }
  }
  unk_score_ = options_.unk_score.value_or(lowest - kUnknownPenalty);
}

void UnigramModel::add_unknown(std::string_view text, std::vector<std::int32_t>& out) const {
  if (const auto id = vocab_->find(text)) {
    out.push_back(*id);
    return;
  }
  const auto byte_id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (options_.byte_fallback && std::all_of(text.begin(), text.end(), [&](char c) { return byte_id(c) >= 0; })) {
    std::transform(text.begin(), text.end(), std::back_inserter(out), byte_id);
  } else if (options_.unk_id) {
    out.push_back(*options_.unk_id);
  }
}

void UnigramModel::encode(std::string_view piece, MergeScratch& scratch, std::vector<std::int32_t>& out) const {
  for (; piece.size() > kMaxPieceBytes; piece.remove_prefix(kMaxPieceBytes)) {
    encode(piece.substr(0, kMaxPieceBytes), scratch, out);
  }
  const std::int32_t unk_id = options_.unk_id.value_or(kUnknown);
  std::vector<Best> best(piece.size() + 1);
  for (std::size_t at = 0; at < piece.size();) {
    const double score = best[at].score;
    const auto length = static_cast<std::size_t>(decode_utf8(piece.substr(at)).length);
    bool covered = false;
    trie_.for_each_prefix(piece.substr(at), [&](std::size_t n, std::int32_t id) {
      best[at + n].offer(score + scores_[static_cast<std::size_t>(id)], at, id);
      covered = covered || n == length;
    });
    if (!covered) {
      best[at + length].offer(score + unk_score_, at, unk_id);
    }
    at += length;
  }
  // Backwards, neighbouring unknown characters as one stretch; then the order is turned round.
  struct Part {
    std::size_t begin;
    std::size_t end;
    std::int32_t id;
  };
  std::vector<Part> parts;
  for (std::size_t end = piece.size(); end > 0; end = best[end].begin) {
    const Best& last = best[end];
    if (last.id == unk_id && !parts.empty() && parts.back().id == unk_id) {
      parts.back().begin = last.begin;
    } else {
      parts.push_back({last.begin, end, last.id});
    }
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->id == unk_id) {
      add_unknown(piece.substr(part->begin, part->end - part->begin), out);
    } else {
      out.push_back(part->id);
    }
  }
}

}  // namespace llorch
