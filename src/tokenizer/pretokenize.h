// Pre-tokenizers: cut normalised text into the pieces that a model encodes one by one, and rewrite them on the way
// (bytes as visible characters, spaces as '▁'). A Sequence of tokenizer.json is a vector of steps.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/regex.h"
#include "tokenizer/scanner.h"

namespace llorch {

/// What becomes of matches and of what lies between them, as Hugging Face names it.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Every `length` characters (at least 1) are a match.
struct FixedLength {
  std::size_t length = 5;
};

struct SplitStep {
  std::variant<Pattern, std::string, Regex, FixedLength> pattern;  // the string is a literal
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  // matches and the rest change places
};

/// Bytes become the 256 visible characters of GPT-2.
struct ByteLevelStep {
  bool add_prefix_space = false;
  bool use_regex = true;  // cut by Pattern::gpt2 first
  bool raw = false;       // bytes stay bytes: the model takes them as they are (BpeOptions::raw_bytes)
};

enum class PrependScheme { always, first, never };

/// Spaces become `replacement`, which may also be put in front; pieces begin with it when `split`.
struct MetaspaceStep {
  std::string replacement = "\xE2\x96\x81";
  PrependScheme prepend = PrependScheme::always;
  bool split = true;
};

using PreTokenizeStep = std::variant<SplitStep, ByteLevelStep, MetaspaceStep>;

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// A text in pieces, and the working memory of cutting it: keep one for many texts. Of one thread.
class Pieces {
 public:
  Pieces() = default;
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  /// Begins anew with `text` as the only piece (none when it is empty). `text` must stay while the pieces are used.
  /// at_start: the user's text begins here.
  void set(std::string_view text, bool at_start);
  const std::vector<Span>& spans() const { return spans_; }
  std::string_view piece(const Span& span) const { return text_.substr(span.begin, span.end - span.begin); }

  // For steps: reading what is there while writing what comes out of it.
  bool at_start() const { return at_start_; }
  /// Adds a piece: a place in the text, or in rewritten().
  void keep(const Span& span) { next_spans_.push_back(span); }
  void join_last(std::size_t end) { next_spans_.back().end = end; }
  bool wrote_any() const { return !next_spans_.empty(); }
  void lose_start() { next_at_start_ = false; }
  /// Text to append to, for steps that rewrite; pieces kept are places in it.
  std::string& rewritten() { return next_buffer_; }
  void begin_step();
  void end_step(bool rewrote);

  std::vector<Cut> cuts;
  std::vector<RegexMatch> matches;
  RegexScratch regex;

 private:
  std::string_view text_;
  std::vector<Span> spans_;
  bool at_start_ = false;
  std::string buffer_;
  std::vector<Span> next_spans_;
  std::string next_buffer_;
  bool next_at_start_ = false;
};

/// Runs the steps over `pieces`.
void pre_tokenize(const std::vector<PreTokenizeStep>& steps, Pieces& pieces);

}  // namespace llorch
