// The rules of Annex 29 as a walk from one character to the next; GB numbers are its own.
#include "base/graphemes.h"

#include "base/text_forms.h"
#include "base/utf8.h"

namespace llorch {
namespace {

using G = GraphemeClass;

/// What the rules remember of the characters before a border.
struct Before {
  G last = G::other;
  int n_regional = 0;       // in a row, to the border
  bool pictograph = false;  // a pictograph and extenders: a ZWJ joins the next one (GB11)
  bool consonant = false;   // a consonant and extenders (GB9c)
  bool linked = false;      // with a linker among them
};

void step(Before& before, G kind, bool is_consonant) {
  const bool extends = kind == G::extend || kind == G::zwj || kind == G::linker;
  before.n_regional = kind == G::regional ? before.n_regional + 1 : 0;
  before.pictograph = kind == G::pictographic || (before.pictograph && extends && before.last != G::zwj);
  before.linked = extends && before.consonant && (before.linked || kind == G::linker);
  before.consonant = is_consonant || (extends && before.consonant);
  before.last = kind;
}

bool joins_hangul(G a, G b) {
  return (a == G::l && (b == G::l || b == G::v || b == G::lv || b == G::lvt)) ||  // GB6
         ((a == G::lv || a == G::v) && (b == G::v || b == G::t)) ||               // GB7
         ((a == G::lvt || a == G::t) && b == G::t);                               // GB8
}

bool is_control(G g) {
  return g == G::cr || g == G::lf || g == G::control;
}

bool joins(const Before& before, G next, bool is_consonant) {
  const G last = before.last;
  if (is_control(last) || is_control(next)) {
    return last == G::cr && next == G::lf;  // GB3 to GB5
  }
  return joins_hangul(last, next) || next == G::extend || next == G::zwj || next == G::linker || next == G::spacing ||
         last == G::prepend ||                                                        // GB9, GB9a, GB9b
         (is_consonant && before.linked) ||                                           // GB9c
         (next == G::pictographic && last == G::zwj && before.pictograph) ||          // GB11
         (next == G::regional && last == G::regional && before.n_regional % 2 == 1);  // GB12, GB13
}

}  // namespace

std::size_t grapheme_length(std::string_view text) {
  Before before;
  std::size_t at = 0;
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    const std::uint8_t properties = text_properties(c.code);
    const G kind = static_cast<G>(properties & TextProperty::kGrapheme);
    const bool is_consonant = (properties & TextProperty::kConsonant) != 0;
    if (at > 0 && !joins(before, kind, is_consonant)) {
      break;
    }
    step(before, kind, is_consonant);
    at += static_cast<std::size_t>(c.length);
  }
  return at;
}

}  // namespace llorch
