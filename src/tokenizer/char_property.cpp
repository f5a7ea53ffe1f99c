// Properties by name: general categories from base/unicode.h, scripts and binary properties from base/unicode_sets.h.
// Where Oniguruma's own classes differ from the standard's, these are Oniguruma's, as measured.
#include <algorithm>
#include <string>

#include "base/unicode.h"
#include "base/unicode_sets.h"
#include "tokenizer/char_set.h"

namespace llorch {
namespace {

using Mask = std::uint32_t;  // of categories

constexpr Mask bit(Category c) {
  return Mask{1} << static_cast<unsigned>(c);
}
template <class... C>
constexpr Mask bits(C... c) {
  return (bit(c) | ...);
}

constexpr Mask kLetter = bits(Category::lu, Category::ll, Category::lt, Category::lm, Category::lo);
constexpr Mask kMark = bits(Category::mn, Category::mc, Category::me);
constexpr Mask kNumber = bits(Category::nd, Category::nl, Category::no);
constexpr Mask kPunctuation =
    bits(Category::pc, Category::pd, Category::ps, Category::pe, Category::pi, Category::pf, Category::po);
constexpr Mask kSymbol = bits(Category::sm, Category::sc, Category::sk, Category::so);
constexpr Mask kSeparator = bits(Category::zs, Category::zl, Category::zp);
constexpr Mask kOther = bits(Category::cc, Category::cf, Category::cs, Category::co, Category::cn);

struct NamedMask {
  std::string_view name;
  Mask mask;
};
constexpr NamedMask kCategories[] = {
    {"l", kLetter},
    {"letter", kLetter},
    {"lc", bits(Category::lu, Category::ll, Category::lt)},
    {"casedletter", bits(Category::lu, Category::ll, Category::lt)},
    {"lu", bit(Category::lu)},
    {"uppercaseletter", bit(Category::lu)},
    {"ll", bit(Category::ll)},
    {"lowercaseletter", bit(Category::ll)},
    {"lt", bit(Category::lt)},
    {"titlecaseletter", bit(Category::lt)},
    {"lm", bit(Category::lm)},
    {"modifierletter", bit(Category::lm)},
    {"lo", bit(Category::lo)},
    {"otherletter", bit(Category::lo)},
    {"m", kMark},
    {"mark", kMark},
    {"combiningmark", kMark},
    {"mn", bit(Category::mn)},
    {"nonspacingmark", bit(Category::mn)},
    {"mc", bit(Category::mc)},
    {"spacingmark", bit(Category::mc)},
    {"me", bit(Category::me)},
    {"enclosingmark", bit(Category::me)},
    {"n", kNumber},
    {"number", kNumber},
    {"nd", bit(Category::nd)},
    {"decimalnumber", bit(Category::nd)},
    {"digit", bit(Category::nd)},
    {"nl", bit(Category::nl)},
    {"letternumber", bit(Category::nl)},
    {"no", bit(Category::no)},
    {"othernumber", bit(Category::no)},
    {"p", kPunctuation},
    {"punctuation", kPunctuation},
    {"punct", kPunctuation},
    {"pc", bit(Category::pc)},
    {"connectorpunctuation", bit(Category::pc)},
    {"pd", bit(Category::pd)},
    {"dashpunctuation", bit(Category::pd)},
    {"ps", bit(Category::ps)},
    {"openpunctuation", bit(Category::ps)},
    {"pe", bit(Category::pe)},
    {"closepunctuation", bit(Category::pe)},
    {"pi", bit(Category::pi)},
    {"initialpunctuation", bit(Category::pi)},
    {"pf", bit(Category::pf)},
    {"finalpunctuation", bit(Category::pf)},
    {"po", bit(Category::po)},
    {"otherpunctuation", bit(Category::po)},
    {"s", kSymbol},
    {"symbol", kSymbol},
    {"sm", bit(Category::sm)},
    {"mathsymbol", bit(Category::sm)},
    {"sc", bit(Category::sc)},
    {"currencysymbol", bit(Category::sc)},
    {"sk", bit(Category::sk)},
    {"modifiersymbol", bit(Category::sk)},
    {"so", bit(Category::so)},
    {"othersymbol", bit(Category::so)},
    {"z", kSeparator},
    {"separator", kSeparator},
    {"zs", bit(Category::zs)},
    {"spaceseparator", bit(Category::zs)},
    {"zl", bit(Category::zl)},
    {"lineseparator", bit(Category::zl)},
    {"zp", bit(Category::zp)},
    {"paragraphseparator", bit(Category::zp)},
    {"c", kOther},
    {"other", kOther},
    {"cc", bit(Category::cc)},
    {"control", bit(Category::cc)},
    {"cntrl", bit(Category::cc)},
    {"cf", bit(Category::cf)},
    {"format", bit(Category::cf)},
    {"cs", bit(Category::cs)},
    {"surrogate", bit(Category::cs)},
    {"co", bit(Category::co)},
    {"privateuse", bit(Category::co)},
    {"cn", bit(Category::cn)},
    {"unassigned", bit(Category::cn)},
    {"assigned", ~bit(Category::cn)},
    {"any", ~Mask{0}},
};

CharSet of_categories(Mask mask) {
  return category_set([&](Category c) { return (mask & bit(c)) != 0; });
}

std::optional<CharSet> of_table(std::string_view name) {
  for (const UnicodeSet& set : unicode_sets()) {
    if (set.name == name) {
      CharSet out;
      out.assign(unicode_set_ranges().subspan(set.begin, set.length));
      return out;
    }
  }
  return std::nullopt;
}

CharSet alphabetic() {
  return *of_table("alphabetic");
}

CharSet joined(CharSet a, const CharSet& b) {
  a.add(b);
  return a;
}

/// Alphabetic, marks, decimal digits, connectors: [[:word:]].
CharSet posix_word() {
  return joined(alphabetic(), of_categories(kMark | bits(Category::nd, Category::pc)));
}

CharSet graph() {
  return joined(space_set(), of_categories(bits(Category::cc, Category::cn, Category::cs))).inverse();
}

std::optional<CharSet> posix(std::string_view name) {
  if (name == "alpha") {
    return alphabetic();
  }
  if (name == "alnum") {
    return joined(alphabetic(), digit_set());
  }
  if (name == "blank") {
    return joined(of_categories(bit(Category::zs)), CharSet{{'\t', '\t'}});
  }
  if (name == "cntrl") {
    return of_categories(bit(Category::cc));
  }
  if (name == "digit") {
    return digit_set();
  }
  if (name == "graph") {
    return graph();
  }
  if (name == "lower") {
    return of_table("lowercase");
  }
  if (name == "print") {
    return joined(graph(), of_categories(bit(Category::zs)));
  }
  if (name == "punct") {
    return of_categories(kPunctuation | kSymbol);
  }
  if (name == "space") {
    return space_set();
  }
  if (name == "upper") {
    return of_table("uppercase");
  }
  if (name == "xdigit") {
    return CharSet{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
  }
  if (name == "word") {
    return posix_word();
  }
  if (name == "ascii") {
    return CharSet{{0, 0x7F}};
  }
  return std::nullopt;
}

std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '_' && c != '-' && c != ' ') {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return out;
}

}  // namespace

std::optional<CharSet> find_property(std::string_view name) {
  const std::string plain = plain_name(name);
  for (const NamedMask& known : kCategories) {
    if (known.name == plain) {
      return of_categories(known.mask);
    }
  }
  if (plain == "word") {
    return word_set();
  }
  if (auto known = posix(plain)) {
    return known;
  }
  return of_table(plain);
}

std::optional<CharSet> find_posix_class(std::string_view name) {
  return posix(name);
}

const CharSet& word_set() {
  static const CharSet kSet = joined(posix_word(), CharSet{{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}});
  return kSet;
}

const CharSet& class_word_set() {
  static const CharSet kSet = posix_word();
  return kSet;
}

const CharSet& space_set() {
  static const CharSet kSet = {{9, 13},          {' ', ' '},       {0x85, 0x85},     {0xA0, 0xA0},
                               {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                               {0x205F, 0x205F}, {0x3000, 0x3000}};
  return kSet;
}

const CharSet& digit_set() {
  static const CharSet kSet = of_categories(bit(Category::nd));
  return kSet;
}

CharSet fold_case(const CharSet& set) {
  CharSet out = set;
  std::vector<CodeRange> more;
  for (const CasePair& pair : case_pairs()) {
    if (set.has(pair.a)) {
      more.push_back({pair.b, pair.b});
    }
  }
  CharSet added;
  added.assign(more);
  out.add(added);
  return out;
}

}  // namespace llorch
