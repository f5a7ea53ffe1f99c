// Each step reads all pieces and writes new ones; the behaviours are those of tokenizers' NormalizedString::split.
#include "tokenizer/pretokenize.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/byte_level.h"

namespace llorch {
namespace {

/// Whether a cut belongs to the piece of the cut before it, given whether they are matches. Removed and isolated cuts
/// stand alone.
bool joins_previous(SplitBehavior behavior, bool previous, bool match) {
  switch (behavior) {
    case SplitBehavior::contiguous:
      return previous == match;
    case SplitBehavior::merged_with_previous:
      return match && !previous;
    case SplitBehavior::merged_with_next:
      return previous && !match;
    default:
      return false;
  }
}

/// Writes the piece that begins at `offset`, cut at `pieces.cuts`.
void split_piece(std::size_t offset, SplitBehavior behavior, bool invert, Pieces& pieces) {
  const std::vector<Cut>& cuts = pieces.cuts;
  std::size_t begin = offset;
  bool written = false;  // the last piece: an empty one is not
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const Span part{begin, offset + cuts[i].end};
    const bool is_empty = part.end == part.begin;
    begin = part.end;
    if (behavior == SplitBehavior::removed && cuts[i].match != invert) {
      if (!is_empty && !pieces.wrote_any()) {
        pieces.lose_start();
      }
      continue;
    }
    const bool joins = i > 0 && joins_previous(behavior, cuts[i - 1].match != invert, cuts[i].match != invert);
    if (joins && written) {
      pieces.join_last(part.end);
    } else {
      if (!is_empty) {
        pieces.keep(part);
      }
      written = !is_empty;
    }
  }
}

void scan_regex(const Regex& regex, std::string_view piece, Pieces& pieces) {
  pieces.matches.clear();
  regex.find_all(piece, pieces.regex, pieces.matches);
  std::size_t last = 0;
  for (const RegexMatch& match : pieces.matches) {
    if (match.begin > last) {
      pieces.cuts.push_back({match.begin, false});
    }
    pieces.cuts.push_back({match.end, true});
    last = match.end;
  }
  if (last < piece.size()) {
    pieces.cuts.push_back({piece.size(), false});
  }
}

void scan_fixed(FixedLength fixed, std::string_view piece, std::vector<Cut>& cuts) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < piece.size();) {
    at += static_cast<std::size_t>(decode_utf8(piece.substr(at)).length);
    if (++n % fixed.length == 0 || at == piece.size()) {
      cuts.push_back({at, true});
    }
  }
}

void scan_any(const SplitStep& step, std::string_view piece, Pieces& pieces) {
  pieces.cuts.clear();
  if (const auto* pattern = std::get_if<Pattern>(&step.pattern)) {
    scan(*pattern, piece, pieces.cuts);
  } else if (const auto* literal = std::get_if<std::string>(&step.pattern)) {
    scan_literal(*literal, piece, pieces.cuts);
  } else if (const auto* regex = std::get_if<Regex>(&step.pattern)) {
    scan_regex(*regex, piece, pieces);
  } else {
    scan_fixed(std::get<FixedLength>(step.pattern), piece, pieces.cuts);
  }
}

bool run_step(const SplitStep& step, Pieces& pieces) {
  for (const Span& span : pieces.spans()) {
    scan_any(step, pieces.piece(span), pieces);
    split_piece(span.begin, step.behavior, step.invert, pieces);
  }
  return false;
}

/// Adds a piece that ends at the end of what was rewritten.
void keep_rewritten(std::size_t begin, Pieces& pieces) {
  pieces.keep({begin, pieces.rewritten().size()});
}

bool run_step(const ByteLevelStep& step, Pieces& pieces) {
  const auto lacks_space = [&](const Span& span) { return !pieces.piece(span).starts_with(' '); };
  const bool adds_space =
      step.add_prefix_space && std::any_of(pieces.spans().begin(), pieces.spans().end(), lacks_space);
  const bool rewrites = !step.raw || adds_space;
  std::string spaced;
  for (const Span& span : pieces.spans()) {
    std::string_view piece = pieces.piece(span);
    if (adds_space && lacks_space(span)) {
      spaced.assign(1, ' ').append(piece);
      piece = spaced;
    }
    pieces.cuts.clear();
    if (step.use_regex) {
      scan(Pattern::gpt2, piece, pieces.cuts);
    } else {
      pieces.cuts.push_back({piece.size(), true});
    }
    std::size_t begin = 0;
    for (const Cut& cut : pieces.cuts) {
      if (!rewrites) {
        pieces.keep({span.begin + begin, span.begin + cut.end});
      } else {
        const std::size_t written = pieces.rewritten().size();
        const std::string_view part = piece.substr(begin, cut.end - begin);
        if (step.raw) {
          pieces.rewritten() += part;
        } else {
          append_byte_level(part, pieces.rewritten());
        }
        keep_rewritten(written, pieces);
      }
      begin = cut.end;
    }
  }
  return rewrites;
}

bool run_step(const MetaspaceStep& step, Pieces& pieces) {
  bool first = pieces.at_start();
  for (const Span& span : pieces.spans()) {
    const std::string_view piece = pieces.piece(span);
    std::string& out = pieces.rewritten();
    const std::size_t begin = out.size();
    const bool starts = piece.starts_with(' ') || piece.starts_with(step.replacement);
    if (!starts && (step.prepend == PrependScheme::always || (step.prepend == PrependScheme::first && first))) {
      out += step.replacement;
    }
    first = false;
    for (const char c : piece) {
      if (c == ' ') {
        out += step.replacement;
      } else {
        out += c;
      }
    }
    if (step.split) {
      pieces.cuts.clear();
      scan_literal(step.replacement, std::string_view(out).substr(begin), pieces.cuts);
      split_piece(begin, SplitBehavior::merged_with_next, false, pieces);
    } else {
      keep_rewritten(begin, pieces);
    }
  }
  return true;
}

}  // namespace

void Pieces::set(std::string_view text, bool at_start) {
  text_ = text;
  at_start_ = at_start;
  spans_.clear();
  if (!text.empty()) {
    spans_.push_back({0, text.size()});
  }
}

void Pieces::begin_step() {
  next_spans_.clear();
  next_buffer_.clear();
  next_at_start_ = at_start_;
}

void Pieces::end_step(bool rewrote) {
  spans_.swap(next_spans_);
  at_start_ = next_at_start_;
  if (rewrote) {
    buffer_.swap(next_buffer_);
    text_ = buffer_;
  }
}

void pre_tokenize(const std::vector<PreTokenizeStep>& steps, Pieces& pieces) {
  for (const PreTokenizeStep& step : steps) {
    pieces.begin_step();
    const bool rewrote = std::visit([&](const auto& known) { return run_step(known, pieces); }, step);
    pieces.end_step(rewrote);
  }
}

}  // namespace llorch
