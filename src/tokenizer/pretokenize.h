// Pre-tokenizers: cut normalised text into the pieces that a model encodes one by one, and rewrite them on the way
// (bytes as visible characters, spaces as '▁'). A Sequence of tokenizer.json is a vector of steps.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/scanner.h"

namespace llorch {

/// Pieces lie one after another in `text`; piece i ends at ends[i]. No piece is empty.
struct Pieces {
  std::string text;
  std::vector<std::size_t> ends;
  bool at_start = false;  // the first piece begins where the user's text begins

  static Pieces of(std::string text, bool at_start);
  void add(std::string_view piece);
};

/// What becomes of matches and of what lies between them, as Hugging Face names it.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct SplitStep {
  std::variant<Pattern, std::string> pattern;  // or a literal
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  // matches and the rest change places
};

/// Bytes become the 256 visible characters of GPT-2.
struct ByteLevelStep {
  bool add_prefix_space = false;
  bool use_regex = true;  // cut by Pattern::gpt2 first
};

enum class PrependScheme { always, first, never };

/// Spaces become `replacement`, which may also be put in front; pieces begin with it when `split`.
struct MetaspaceStep {
  std::string replacement = "\xE2\x96\x81";
  PrependScheme prepend = PrependScheme::always;
  bool split = true;
};

using PreTokenizeStep = std::variant<SplitStep, ByteLevelStep, MetaspaceStep>;

/// Runs the steps over `pieces` in place.
void pre_tokenize(const std::vector<PreTokenizeStep>& steps, Pieces& pieces);

}  // namespace llorch
