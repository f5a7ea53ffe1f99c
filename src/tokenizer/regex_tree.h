// The tree of a regular expression, between regex_parse.cpp and regex_compile.cpp. Private to this folder.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/char_set.h"

namespace llorch {

struct RegexNode {
  enum class Kind : std::uint8_t { empty, set, concat, alternate, repeat, look, atomic, assertion };
  enum class Greed : std::uint8_t { greedy, lazy, possessive };
  enum class Place : std::uint8_t { line_begin, line_end, text_begin, text_end, last_line_end, word, not_word };

  Kind kind = Kind::empty;
  Greed greed = Greed::greedy;
  Place place = Place::line_begin;
  bool ahead = true;      // look
  bool negative = false;  // look
  int set = -1;           // index in RegexTree::sets
  int min = 0;            // repeat
  int max = 0;            // repeat; -1: no limit
  std::vector<int> children;
};

struct RegexTree {
  std::vector<RegexNode> nodes;  // children before their parents
  std::vector<CharSet> sets;
  int root = -1;
};

/// How deep groups and classes may nest.
inline constexpr int kMaxRegexDepth = 100;
/// A count in {n,m}, at most.
inline constexpr int kMaxRegexRepeat = 10000;

/// Parses Oniguruma's syntax. Errors (ErrorCode::unsupported) name the construct and its place in the pattern.
Result<RegexTree> parse_regex(std::string_view pattern);

}  // namespace llorch
