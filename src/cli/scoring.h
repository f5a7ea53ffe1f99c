// Scoring: a text's tokens in windows, and the logits before every token that counts. `perplexity` measures with it.
//
// The text is cut as llama.cpp's perplexity tool cuts it, so that the numbers can be compared: windows of N tokens, one
// after the other, each run from an empty KV cache; the tokens of a window's second half are scored, which have
// more than N / 2 tokens before them. What is left at the end is no whole window and is not used.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/loaded_model.h"

namespace llorch::cli {

/// Fewer tokens have no second half that is worth a name.
inline constexpr int kMinWindow = 4;

/// Tokens [begin, begin + n_tokens) of a text; those from index first_scored of the window on are scored.
struct Window {
  std::size_t begin = 0;
  std::size_t n_tokens = 0;
  std::size_t first_scored = 1;

  std::size_t n_scored() const { return n_tokens - first_scored; }
};

/// The windows of a text of n_tokens >= 2. A text that does not fill one is a single window, with every token but the
/// first scored.
std::vector<Window> cut_windows(std::size_t n_tokens, std::size_t window);

/// Tokens that are scored in all of them.
std::int64_t count_scored(std::span<const Window> windows);

/// A text as the model reads it.
struct TextTokens {
  std::vector<std::int32_t> ids;
  std::optional<std::int32_t> bos;  // stands in place of every window's first token, as it does at the text's start
};

/// Batches of Scorer; load the model with them.
inline constexpr int kScoringBatch = 256;
inline constexpr int kScoringRows = 128;  // logits that are held at once

/// What is done with each scored token: its index in the text, and the logits [vocab] before it. An error ends the run.
using ScoredToken = std::function<Status(std::size_t index, std::span<const float> logits)>;

/// Runs the windows one after the other, without the last token of each, which foretells nothing. `model` was loaded
/// with kScoringBatch and kScoringRows.
Status score(LoadedModel& model, const TextTokens& text, std::span<const Window> windows, const ScoredToken& scored);

}  // namespace llorch::cli
