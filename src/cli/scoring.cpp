#include "cli/scoring.h"

#include <algorithm>

#include "cli/direct.h"

namespace llorch::cli {
namespace {

/// One sequence that is run again and again, and the room for its logits.
class Scorer {
 public:
  Scorer(LoadedModel& model, const TextTokens& text, const ScoredToken& scored)
      : sequence_(*model.backend, model.kv, model.context),
        text_(text),
        scored_(scored),
        vocab_(static_cast<std::size_t>(model.plan.spec.vocab)) {}

  Status run(const Window& window) {
    const auto begin = text_.ids.begin() + static_cast<std::ptrdiff_t>(window.begin);
    tokens_.assign(begin, begin + static_cast<std::ptrdiff_t>(window.n_tokens - 1));
    if (text_.bos) {
      tokens_[0] = *text_.bos;
    }
    sequence_.clear();
    LL_TRY(read(std::span(tokens_).first(window.first_scored - 1)));
    return hand_on(std::span(tokens_).subspan(window.first_scored - 1), window.begin + window.first_scored);
  }

 private:
  int vocab() const { return static_cast<int>(vocab_); }

  Status read(std::span<const std::int32_t> tokens) {
    while (!tokens.empty()) {
      const std::size_t n = std::min<std::size_t>(tokens.size(), kScoringBatch);
      LL_TRY(sequence_.append(tokens.first(n), vocab(), {}));
      tokens = tokens.subspan(n);
    }
    return {};
  }

  /// The first of `tokens` foretells the text's token `index`.
  Status hand_on(std::span<const std::int32_t> tokens, std::size_t index) {
    while (!tokens.empty()) {
      const std::size_t n = std::min<std::size_t>(tokens.size(), kScoringRows);
      logits_.resize(n * vocab_);
      LL_TRY(sequence_.append(tokens.first(n), vocab(), logits_));
      for (std::size_t row = 0; row < n; ++row) {
        LL_TRY(scored_(index++, std::span(logits_).subspan(row * vocab_, vocab_)));
      }
      tokens = tokens.subspan(n);
    }
    return {};
  }

  DirectSequence sequence_;
  const TextTokens& text_;
  const ScoredToken& scored_;
  std::size_t vocab_;
  std::vector<std::int32_t> tokens_;
  std::vector<float> logits_;  // [rows, vocab]
};

}  // namespace

std::vector<Window> cut_windows(std::size_t n_tokens, std::size_t window) {
  if (n_tokens < window) {
    return {{.begin = 0, .n_tokens = n_tokens, .first_scored = 1}};
  }
  std::vector<Window> windows;
  for (std::size_t begin = 0; begin + window <= n_tokens; begin += window) {
    windows.push_back({.begin = begin, .n_tokens = window, .first_scored = window / 2 + 1});
  }
  return windows;
}

std::int64_t count_scored(std::span<const Window> windows) {
  std::int64_t n = 0;
  for (const Window& window : windows) {
    n += static_cast<std::int64_t>(window.n_scored());
  }
  return n;
}

Status score(LoadedModel& model, const TextTokens& text, std::span<const Window> windows, const ScoredToken& scored) {
  Scorer scorer(model, text, scored);
  for (const Window& window : windows) {
    LL_TRY(scorer.run(window));
  }
  return {};
}

}  // namespace llorch::cli
