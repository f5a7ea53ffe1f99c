// Groups, alternatives, quantifiers and anchors of Oniguruma's syntax; classes and escapes are in
// regex_parse_class.cpp.
#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/regex_parser.h"

namespace llorch {
namespace {

using Kind = RegexNode::Kind;
using Greed = RegexNode::Greed;
using Place = RegexNode::Place;

}  // namespace

bool RegexParser::take(std::string_view token) {
  if (!text_.substr(at_).starts_with(token)) {
    return false;
  }
  at_ += token.size();
  return true;
}

char32_t RegexParser::take_char() {
  const Utf8Char c = decode_utf8(text_.substr(at_));
  at_ += static_cast<std::size_t>(c.length);
  return c.code;
}

int RegexParser::add(RegexNode node) {
  tree_.nodes.push_back(std::move(node));
  return static_cast<int>(tree_.nodes.size()) - 1;
}

int RegexParser::add_set(CharSet set) {
  const auto known = std::find(tree_.sets.begin(), tree_.sets.end(), set);
  RegexNode node;
  node.kind = Kind::set;
  node.set = static_cast<int>(known - tree_.sets.begin());
  if (known == tree_.sets.end()) {
    tree_.sets.push_back(std::move(set));
  }
  return add(std::move(node));
}

int RegexParser::add_assertion(Place place) {
  RegexNode node;
  node.kind = Kind::assertion;
  node.place = place;
  return add(std::move(node));
}

Result<int> RegexParser::alternation(int depth) {
  if (depth > kMaxRegexDepth) {
    return error("groups are nested more than {} deep", kMaxRegexDepth);
  }
  const Flags outside = flags_;
  RegexNode node;
  node.kind = Kind::alternate;
  do {
    LL_ASSIGN(const int part, sequence(depth));
    node.children.push_back(part);
  } while (take("|"));
  flags_ = outside;
  return node.children.size() == 1 ? node.children[0] : add(std::move(node));
}

/// Comments, and with (?x) white space. A comment without an end stays: group() says so.
void RegexParser::skip_ignored() {
  while (!done()) {
    if (text_.substr(at_).starts_with("(?#")) {
      std::size_t end = at_ + 3;
      while (end < text_.size() && text_[end] != ')') {
        end += text_[end] == '\\' ? 2 : 1;
      }
      if (end >= text_.size()) {
        return;
      }
      at_ = end + 1;
    } else if (!flags_.extended) {
      return;
    } else if (peek() == '#') {
      while (!done() && peek() != '\n') {
        ++at_;
      }
    } else if (peek() == ' ' || (peek() >= 9 && peek() <= 13)) {
      ++at_;
    } else {
      return;
    }
  }
}

Result<int> RegexParser::sequence(int depth) {
  RegexNode node;
  node.kind = Kind::concat;
  for (skip_ignored(); !done() && peek() != '|' && peek() != ')'; skip_ignored()) {
    LL_ASSIGN(int part, atom(depth));
    LL_ASSIGN(part, quantified(part));
    node.children.push_back(part);
  }
  return node.children.size() == 1 ? node.children[0] : add(std::move(node));
}

Result<int> RegexParser::atom(int depth) {
  switch (peek()) {
    case '(':
      return group(depth);
    case '[': {
      ++at_;
      LL_ASSIGN(CharSet set, char_class(depth + 1, true));
      return add_set(std::move(set));
    }
    case '\\':
      return backslash();
    case '.':
      ++at_;
      return add_set(flags_.dot_all ? CharSet::all() : CharSet{{'\n', '\n'}}.inverse());
    case '^':
      ++at_;
      return add_assertion(Place::line_begin);
    case '$':
      ++at_;
      return add_assertion(Place::line_end);
    case '*':
    case '+':
    case '?':
      return error("nothing stands before '{}'", peek());
    default:
      break;
  }
  int min = 0;
  int max = 0;
  const std::size_t begin = at_;
  if (interval(&min, &max)) {
    at_ = begin;
    return error("nothing stands before '{{'");
  }
  const char32_t c = take_char();
  return add_set(folded(CharSet{{c, c}}));
}

Result<int> RegexParser::group(int depth) {
  ++at_;
  if (!take("?")) {
    if (peek() == '*') {
      return error("callouts (*...) are not supported");
    }
    return group_body(depth);
  }
  if (take("#")) {
    return error("the comment has no end");
  }
  if (take(":")) {
    return group_body(depth);
  }
  if (take("=")) {
    return look(true, false, depth);
  }
  if (take("!")) {
    return look(true, true, depth);
  }
  if (take("<=")) {
    return look(false, false, depth);
  }
  if (take("<!")) {
    return look(false, true, depth);
  }
  if (take(">")) {
    RegexNode node;
    node.kind = Kind::atomic;
    LL_ASSIGN(const int body, group_body(depth));
    node.children.push_back(body);
    return add(std::move(node));
  }
  if (peek() == '<' || peek() == '\'') {
    const char close = peek() == '<' ? '>' : '\'';
    const std::size_t end = text_.find(close, at_ + 1);
    if (end == std::string_view::npos || end == at_ + 1) {
      return error("the group's name has no end");
    }
    at_ = end + 1;
    return group_body(depth);
  }
  return flags_group(depth);
}

Result<int> RegexParser::group_body(int depth) {
  LL_ASSIGN(const int body, alternation(depth + 1));
  if (!take(")")) {
    return error("a ')' is missing");
  }
  return body;
}

Result<int> RegexParser::look(bool ahead, bool negative, int depth) {
  RegexNode node;
  node.kind = Kind::look;
  node.ahead = ahead;
  node.negative = negative;
  LL_ASSIGN(const int body, group_body(depth));
  node.children.push_back(body);
  return add(std::move(node));
}

/// (?imx-imx) up to the end of the group around it, alternatives included, or (?imx-imx:...).
Result<int> RegexParser::flags_group(int depth) {
  Flags flags = flags_;
  bool on = true;
  for (; !done() && peek() != ')' && peek() != ':'; ++at_) {
    switch (peek()) {
      case '-':
        on = false;
        break;
      case 'i':
        flags.ignore_case = on;
        break;
      case 'm':
        flags.dot_all = on;
        break;
      case 'x':
        flags.extended = on;
        break;
      default:
        return error("the group '(?{}' is not supported",
                     text_.substr(at_, static_cast<std::size_t>(decode_utf8(text_.substr(at_)).length)));
    }
  }
  if (done()) {
    return error("a ')' is missing");
  }
  const Flags outside = flags_;
  flags_ = flags;
  if (take(":")) {
    LL_ASSIGN(const int body, group_body(depth));
    flags_ = outside;
    return body;
  }
  ++at_;
  return alternation(depth + 1);  // which stops before the ')' of the group around it
}

Result<int> RegexParser::backslash() {
  switch (peek(1)) {
    case 'A':
      at_ += 2;
      return add_assertion(Place::text_begin);
    case 'z':
      at_ += 2;
      return add_assertion(Place::text_end);
    case 'Z':
      at_ += 2;
      return add_assertion(Place::last_line_end);
    case 'b':
      at_ += 2;
      return add_assertion(Place::word);
    case 'B':
      at_ += 2;
      return add_assertion(Place::not_word);
    case 'G':
    case 'K':
    case 'X':
    case 'y':
    case 'Y':
    case 'k':
    case 'g':
      return error("'\\{}' is not supported", peek(1));
    default:
      break;
  }
  if (take("\\R")) {  // (?>\r\n|[\n-\r\x85\u2028\u2029])
    RegexNode pair;
    pair.kind = Kind::concat;
    pair.children = {add_set({{'\r', '\r'}}), add_set({{'\n', '\n'}})};
    RegexNode either;
    either.kind = Kind::alternate;
    const int first = add(std::move(pair));
    either.children = {first, add_set({{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}})};
    RegexNode node;
    node.kind = Kind::atomic;
    node.children = {add(std::move(either))};
    return add(std::move(node));
  }
  LL_ASSIGN(Escape known, escape(false));
  return add_set(known.code ? folded(CharSet{{*known.code, *known.code}}) : std::move(known.set));
}

/// {n}, {n,}, {,m} or {n,m}; otherwise '{' is a character and nothing is taken.
bool RegexParser::interval(int* min, int* max) {
  if (peek() != '{') {
    return false;
  }
  const std::size_t begin = at_++;
  const auto number = [&](int* value) {
    const std::size_t first = at_;
    std::int64_t sum = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      sum = std::min<std::int64_t>(sum * 10 + (peek() - '0'), kMaxRegexRepeat + 1);
    }
    *value = static_cast<int>(sum);
    return at_ > first;
  };
  const bool low = number(min);
  bool high = low;
  *max = *min;
  if (take(",")) {
    high = number(max);
    if (!high) {
      *max = -1;
    }
  }
  if ((low || high) && take("}")) {
    return true;
  }
  at_ = begin;
  return false;
}

Result<int> RegexParser::quantified(int node) {
  int n_stacked = 0;
  for (skip_ignored(); !done(); skip_ignored()) {
    RegexNode repeat;
    repeat.kind = Kind::repeat;
    bool counted = false;
    if (take("*")) {
      repeat.max = -1;
    } else if (take("+")) {
      repeat.min = 1;
      repeat.max = -1;
    } else if (take("?")) {
      repeat.max = 1;
    } else if (interval(&repeat.min, &repeat.max)) {
      counted = true;
    } else {
      return node;
    }
    if (repeat.min > kMaxRegexRepeat || repeat.max > kMaxRegexRepeat) {
      return error("a repetition counts more than {}", kMaxRegexRepeat);
    }
    if (repeat.max >= 0 && repeat.min > repeat.max) {
      return error("the repetition {{{},{}}} is upside down", repeat.min, repeat.max);
    }
    // After a count, '+' is one more repetition, and so is '?' after {n}.
    if (!(counted && repeat.min == repeat.max) && take("?")) {
      repeat.greed = Greed::lazy;
    } else if (!counted && take("+")) {
      repeat.greed = Greed::possessive;
    }
    if (++n_stacked > kMaxRegexDepth) {
      return error("more than {} repetitions of one thing", kMaxRegexDepth);
    }
    repeat.children.push_back(node);
    node = add(std::move(repeat));
  }
  return node;
}

Result<RegexTree> RegexParser::parse() {
  LL_ASSIGN(tree_.root, alternation(0));
  if (!done()) {
    return error("a ')' has no '('");
  }
  return std::move(tree_);
}

Result<RegexTree> parse_regex(std::string_view pattern) {
  return RegexParser(pattern).parse();
}

}  // namespace llorch
