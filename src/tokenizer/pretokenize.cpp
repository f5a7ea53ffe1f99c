// Each step reads all pieces and writes new ones; the behaviours are those of tokenizers' NormalizedString::split.
#include "tokenizer/pretokenize.h"

#include "tokenizer/byte_level.h"

namespace llorch {
namespace {

/// Calls fn(piece, index) for every piece of `pieces`.
template <class Fn>
void for_each_piece(const Pieces& pieces, const Fn& fn) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < pieces.ends.size(); ++i) {
    fn(std::string_view(pieces.text).substr(begin, pieces.ends[i] - begin), i);
    begin = pieces.ends[i];
  }
}

/// Whether a new piece begins at `cut`, given the one before it. Removed and isolated cuts always stand alone.
bool joins_previous(SplitBehavior behavior, const Cut& previous, const Cut& cut) {
  switch (behavior) {
    case SplitBehavior::contiguous:
      return previous.match == cut.match;
    case SplitBehavior::merged_with_previous:
      return cut.match && !previous.match;
    case SplitBehavior::merged_with_next:
      return previous.match && !cut.match;
    default:
      return false;
  }
}

/// Appends `piece`, cut at `cuts`, to `out`.
void split_piece(std::string_view piece, const std::vector<Cut>& cuts, SplitBehavior behavior, Pieces& out) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const std::string_view part = piece.substr(begin, cuts[i].end - begin);
    begin = cuts[i].end;
    if (part.empty()) {
      continue;
    }
    if (behavior == SplitBehavior::removed && cuts[i].match) {
      out.at_start = out.at_start && !out.ends.empty();
      continue;
    }
    if (i > 0 && joins_previous(behavior, cuts[i - 1], cuts[i])) {
      out.text += part;
      out.ends.back() = out.text.size();
    } else {
      out.add(part);
    }
  }
}

void scan_any(const std::variant<Pattern, std::string>& pattern, std::string_view piece, std::vector<Cut>& cuts) {
  cuts.clear();
  if (const auto* literal = std::get_if<std::string>(&pattern)) {
    scan_literal(*literal, piece, cuts);
  } else {
    scan(std::get<Pattern>(pattern), piece, cuts);
  }
}

void run_step(const SplitStep& step, const Pieces& in, Pieces& out) {
  std::vector<Cut> cuts;
  for_each_piece(in, [&](std::string_view piece, std::size_t) {
    scan_any(step.pattern, piece, cuts);
    if (step.invert) {
      for (Cut& cut : cuts) {
        cut.match = !cut.match;
      }
    }
    split_piece(piece, cuts, step.behavior, out);
  });
}

void run_step(const ByteLevelStep& step, const Pieces& in, Pieces& out) {
  std::vector<Cut> cuts;
  std::string spaced;
  for_each_piece(in, [&](std::string_view piece, std::size_t) {
    if (step.add_prefix_space && !piece.starts_with(' ')) {
      spaced.assign(1, ' ').append(piece);
      piece = spaced;
    }
    cuts.clear();
    if (step.use_regex) {
      scan(Pattern::gpt2, piece, cuts);
    } else {
      cuts.push_back({piece.size(), true});
    }
    std::size_t begin = 0;
    for (const Cut& cut : cuts) {
      append_byte_level(piece.substr(begin, cut.end - begin), out.text);
      out.ends.push_back(out.text.size());
      begin = cut.end;
    }
  });
}

void run_step(const MetaspaceStep& step, const Pieces& in, Pieces& out) {
  std::vector<Cut> cuts;
  std::string spaced;
  for_each_piece(in, [&](std::string_view piece, std::size_t index) {
    spaced.clear();
    const bool starts = piece.starts_with(' ') || piece.starts_with(step.replacement);
    const bool first = index == 0 && in.at_start;
    if (!starts && (step.prepend == PrependScheme::always || (step.prepend == PrependScheme::first && first))) {
      spaced += step.replacement;
    }
    for (const char c : piece) {
      if (c == ' ') {
        spaced += step.replacement;
      } else {
        spaced += c;
      }
    }
    if (step.split) {
      cuts.clear();
      scan_literal(step.replacement, spaced, cuts);
      split_piece(spaced, cuts, SplitBehavior::merged_with_next, out);
    } else {
      out.add(spaced);
    }
  });
}

}  // namespace

Pieces Pieces::of(std::string text, bool at_start) {
  Pieces pieces{std::move(text), {}, at_start};
  if (!pieces.text.empty()) {
    pieces.ends.push_back(pieces.text.size());
  }
  return pieces;
}

void Pieces::add(std::string_view piece) {
  text += piece;
  ends.push_back(text.size());
}

void pre_tokenize(const std::vector<PreTokenizeStep>& steps, Pieces& pieces) {
  for (const PreTokenizeStep& step : steps) {
    Pieces out;
    out.at_start = pieces.at_start;
    out.text.reserve(pieces.text.size() + pieces.text.size() / 2);
    std::visit([&](const auto& known) { run_step(known, pieces, out); }, step);
    pieces = std::move(out);
  }
}

}  // namespace llorch
