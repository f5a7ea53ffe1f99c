#include "convert/spm_scores.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "tokenizer/hf_bpe.h"

namespace llorch {
namespace {

/// The places, in the list of merges, of those that make one token.
struct MadeToken {
  std::int32_t id = 0;
  std::size_t first = 0;
  std::size_t last = 0;
};

class MergeOrder {
 public:
  explicit MergeOrder(const Vocab& vocab) : vocab_(vocab) {}

  Status read(const JsonNode& node);
  /// Refuses a token that two others make without a merge.
  Status check_splits(const JsonNode& node) const;
  bool makes(std::int32_t id) const { return made_.contains(id); }
  /// By their first merge.
  std::vector<MadeToken> in_order() const;

 private:
  static std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }

  const Vocab& vocab_;
  std::unordered_map<std::int32_t, MadeToken> made_;
  std::unordered_set<std::uint64_t> pairs_;
};

Status MergeOrder::read(const JsonNode& node) {
  LL_ASSIGN(const simdjson::dom::array merges, node.array());
  std::size_t i = 0;
  for (const simdjson::dom::element merge : merges) {
    std::string_view left;
    std::string_view right;
    if (!is_version_line(merge)) {
      split_merge(merge, left, right);
      const auto l = vocab_.find(left);
      const auto r = vocab_.find(right);
      const auto id = vocab_.find(std::string(left).append(right));
      if (!l || !r || !id) {
        return node.error("entry {} is no merge of two tokens", i);
      }
      pairs_.insert(pair_of(*l, *r));
      made_.try_emplace(*id, MadeToken{*id, i, i}).first->second.last = i;
    }
    ++i;
  }
  return {};
}

Status MergeOrder::check_splits(const JsonNode& node) const {
  for (const auto& [id, made] : made_) {
    const std::string_view text = vocab_.text(id);
    for (std::size_t at = 1; at < text.size(); ++at) {
      const auto l = vocab_.find(text.substr(0, at));
      const auto r = vocab_.find(text.substr(at));
      if (l && r && !pairs_.contains(pair_of(*l, *r))) {
        Error error = node.error("'{}' + '{}' is not merged, though '{}' is a token: a GGUF cannot say that",
                                 text.substr(0, at), text.substr(at), text);
        error.code = ErrorCode::unsupported;
        return error;
      }
    }
  }
  return {};
}

std::vector<MadeToken> MergeOrder::in_order() const {
  std::vector<MadeToken> all;
  for (const auto& [id, made] : made_) {
    all.push_back(made);
  }
  std::sort(all.begin(), all.end(), [](const MadeToken& a, const MadeToken& b) { return a.first < b.first; });
  return all;
}

}  // namespace

Result<std::vector<float>> spm_scores(const JsonNode& model, std::size_t n_tokens, std::vector<std::string>& notes) {
  LL_ASSIGN(const auto vocab, read_hf_vocab(model.get("vocab")));
  const JsonNode merges = model.get("merges");
  MergeOrder order(*vocab);
  LL_TRY(order.read(merges));
  LL_TRY(order.check_splits(merges));
  std::vector<float> scores(n_tokens, 0.0F);
  const std::vector<MadeToken> made = order.in_order();
  int n_mixed = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    scores[static_cast<std::size_t>(made[i].id)] = -static_cast<float>(i);
    n_mixed += i > 0 && made[i - 1].last > made[i].first ? 1 : 0;
  }
  if (n_mixed > 0) {
    notes.push_back(merges.error("{} tokens are made in an order that scores cannot tell in full", n_mixed).message);
  }
  // Single characters, which nothing makes: behind all others, as SentencePiece has them.
  const auto first =
      std::min_element(made.begin(), made.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  auto next = static_cast<float>(made.size());
  for (std::int32_t id = made.empty() ? vocab->size() : first->id; id < vocab->size(); ++id) {
    if (vocab->has(id) && !order.makes(id)) {
      scores[static_cast<std::size_t>(id)] = -next++;
    }
  }
  return scores;
}

}  // namespace llorch
