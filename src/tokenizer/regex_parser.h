// The recursive descent behind parse_regex(); depth is limited. Private to regex_parse*.cpp.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/format.h"
#include "tokenizer/regex_tree.h"

namespace llorch {

class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : text_(pattern) {}
  Result<RegexTree> parse();

 private:
  struct Flags {
    bool ignore_case = false;  // i
    bool dot_all = false;      // m: '.' matches a newline
    bool extended = false;     // x: spaces and comments are left out
  };
  /// What a backslash introduced: a character, or a set of them.
  struct Escape {
    std::optional<char32_t> code;
    CharSet set;
  };

  Result<int> alternation(int depth);
  Result<int> sequence(int depth);
  Result<int> atom(int depth);
  Result<int> group(int depth);
  Result<int> group_body(int depth);
  Result<int> flags_group(int depth);
  Result<int> look(bool ahead, bool negative, int depth);
  Result<int> backslash();
  Result<int> quantified(int node);
  bool interval(int* min, int* max);
  void skip_ignored();

  // regex_parse_class.cpp
  Result<CharSet> char_class(int depth, bool outermost);
  Result<CharSet> class_part(int depth);
  Result<CharSet> class_atom(int depth, std::optional<char32_t>* code);
  Result<std::optional<CharSet>> posix_bracket();
  Result<Escape> escape(bool in_class);
  Result<Escape> numeric_escape(char32_t c);
  Result<CharSet> property(bool inverse);
  std::optional<char32_t> digits(int base, int most);

  bool done() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(std::string_view token);
  char32_t take_char();
  CharSet folded(CharSet set) const { return flags_.ignore_case ? fold_case(set) : set; }

  int add(RegexNode node);
  int add_set(CharSet set);
  int add_assertion(RegexNode::Place place);
  template <class... Args>
  Error error(fmt::format_string<Args...> format, Args&&... args) const {
    return errorf(ErrorCode::unsupported, "{} (at byte {})", fmt::format(format, std::forward<Args>(args)...), at_);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Flags flags_;
  RegexTree tree_;
};

}  // namespace llorch
