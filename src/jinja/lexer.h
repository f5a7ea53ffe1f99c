// Lexer: a template's source -> tokens, as Jinja's lexer cuts it: text between tags with white space control applied
// (trim_blocks and lstrip_blocks on, as transformers sets them), names, numbers, strings and operators inside of tags.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jinja/value.h"

namespace llorch::jinja {

enum class TokenKind : std::uint8_t {
  data,
  block_begin,
  block_end,
  variable_begin,
  variable_end,
  name,
  integer,
  real,
  string,
  op,
  end
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;  // data, name, operator; a string's value; digits of a number
  int line = 1;
  int column = 1;
};

/// Throws FailureKind::syntax with line and column. The last token is TokenKind::end.
std::vector<Token> tokenize(std::string_view source);

/// Longest template that is read.
inline constexpr std::size_t kMaxSourceBytes = 1U << 20U;

}  // namespace llorch::jinja
