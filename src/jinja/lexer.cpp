// One pass; what Jinja does with regular expressions is written out.
#include "jinja/lexer.h"

#include <algorithm>

#include "base/utf8.h"
#include "jinja/chars.h"

namespace llorch::jinja {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Letters and what is not ASCII: parse_name refuses what is no identifier.
bool is_name_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// "\r\n" and "\r" become "\n"; one line end at the very end is dropped.
std::string normalize_lines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      i += i + 1 < source.size() && source[i + 1] == '\n' ? 1 : 0;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) {
    out.pop_back();
  }
  return out;
}

/// The white space that a regular expression's \s and str.rstrip() see at the end of `text` (Unicode's included).
std::size_t trimmed_end(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80) {
      --begin;
    }
    if (!is_python_space(decode_utf8(text.substr(begin, end - begin)).code)) {
      break;
    }
    end = begin;
  }
  return end;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!is_python_space(c.code)) {
      break;
    }
    at += static_cast<std::size_t>(c.length);
  }
  return at;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      lex_data();
    }
    push(TokenKind::end, "", at_);
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail_at(std::size_t at, std::string message) {
    place(at);
    throw Failure{FailureKind::syntax, std::move(message), line_, column()};
  }

  std::string_view rest(std::size_t at) const { return std::string_view(source_).substr(at); }
  bool looking_at(std::string_view what) const { return rest(at_).starts_with(what); }

  /// Moves the line count to byte `at`, which only grows.
  void place(std::size_t at) {
    for (; placed_ < at; ++placed_) {
      if (source_[placed_] == '\n') {
        ++line_;
        line_begin_ = placed_ + 1;
      }
    }
  }
  int column() const { return static_cast<int>(placed_ - line_begin_) + 1; }

  void push(TokenKind kind, std::string text, std::size_t at) {
    place(at);
    tokens_.push_back({kind, std::move(text), line_, column()});
  }

  /// Text up to the next tag, and the tag.
  void lex_data() {
    std::size_t open = at_;
    while (true) {
      open = source_.find('{', open);
      if (open == std::string::npos || open + 1 >= source_.size()) {
        push_data(source_.size(), '\0', false);
        at_ = source_.size();
        return;
      }
      const char kind = source_[open + 1];
      if (kind == '{' || kind == '%' || kind == '#') {
        break;
      }
      ++open;
    }
    const char kind = source_[open + 1];
    const char sign =
        open + 2 < source_.size() && (source_[open + 2] == '-' || source_[open + 2] == '+') ? source_[open + 2] : '\0';
    push_data(open, sign, kind == '{');
    at_ = open + 2 + (sign != '\0' ? 1 : 0);
    if (kind == '#') {
      lex_comment(open);
    } else if (kind == '{') {
      push(TokenKind::variable_begin, "{{", open);
      lex_tag(TokenKind::variable_end, "}}");
    } else if (!lex_raw(open)) {
      push(TokenKind::block_begin, "{%", open);
      lex_tag(TokenKind::block_end, "%}");
    }
  }

  /// The text from at_ to `end`, which a tag with `sign` follows.
  void push_data(std::size_t end, char sign, bool variable) {
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      text = text.substr(0, trimmed_end(text));
    } else if (end < source_.size() && sign != '+' && !variable) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
      if ((line > 0 || line_starting_) && skip_space(text, line) == text.size()) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) {
      push(TokenKind::data, std::string(text), at_);
    }
  }

  /// Skips the end of a tag at at_: "-%}" takes the white space after it along, "%}" one line end.
  /// False when no end is here.
  bool take_end(std::string_view end, bool trims_line) {
    if (looking_at("-") && rest(at_ + 1).starts_with(end)) {
      at_ = skip_space(source_, at_ + 1 + end.size());
    } else if (trims_line && looking_at("+") && rest(at_ + 1).starts_with(end)) {
      at_ += 1 + end.size();
    } else if (looking_at(end)) {
      at_ += end.size();
      at_ += trims_line && looking_at("\n") ? 1 : 0;
    } else {
      return false;
    }
    line_starting_ = source_[at_ - 1] == '\n';
    return true;
  }

  void lex_comment(std::size_t open) {
    for (; at_ < source_.size(); ++at_) {
      const std::size_t hash = source_.find('#', at_);
      if (hash == std::string::npos) {
        break;
      }
      const bool signed_end = hash > at_ && (source_[hash - 1] == '-' || source_[hash - 1] == '+');
      at_ = signed_end ? hash - 1 : hash;
      if (take_end("#}", true)) {
        return;
      }
      at_ = hash;
    }
    fail_at(open, "Missing end of comment tag");
  }

  /// {% raw %}...{% endraw %}; false when at_ is another tag.
  bool lex_raw(std::size_t open) {
    const std::size_t word = skip_space(source_, at_);
    if (!rest(word).starts_with("raw")) {
      return false;
    }
    const std::size_t begin = at_;
    at_ = skip_space(source_, word + 3);
    if (looking_at("-%}")) {
      at_ = skip_space(source_, at_ + 3);
    } else if (looking_at("%}")) {
      at_ += 2;
    } else {
      at_ = begin;
      return false;
    }
    line_starting_ = source_[at_ - 1] == '\n';
    for (std::size_t close = at_; (close = source_.find("{%", close)) != std::string::npos; close += 2) {
      const char sign = close + 2 < source_.size() ? source_[close + 2] : '\0';
      const bool has_sign = sign == '-' || sign == '+';
      const std::size_t name = skip_space(source_, close + 2 + (has_sign ? 1 : 0));
      if (!rest(name).starts_with("endraw")) {
        continue;
      }
      const std::size_t end = skip_space(source_, name + 6);
      if (!rest(end).starts_with("%}") && !rest(end).starts_with("-%}") && !rest(end).starts_with("+%}")) {
        continue;
      }
      push_data(close, has_sign ? sign : '\0', false);
      at_ = end;
      take_end("%}", true);
      return true;
    }
    fail_at(open, "Missing end of raw directive");
  }

  void lex_tag(TokenKind end_kind, std::string_view end) {
    brackets_.clear();
    while (true) {
      const std::size_t token = at_;
      if (brackets_.empty() && take_end(end, end_kind == TokenKind::block_end)) {
        push(end_kind, std::string(end), token);
        return;
      }
      if (at_ >= source_.size()) {
        return;  // the parser tells what is missing
      }
      lex_token();
    }
  }

  void lex_token() {
    if (const std::size_t after = skip_space(source_, at_); after != at_) {
      at_ = after;
    } else if (const std::size_t number = match_real()) {
      take(TokenKind::real, number);
    } else if (const std::size_t digits = match_integer()) {
      take(TokenKind::integer, digits);
    } else if (is_name_char(source_[at_])) {
      lex_name();
    } else if (source_[at_] == '\'' || source_[at_] == '"') {
      lex_string();
    } else {
      lex_operator();
    }
    line_starting_ = source_[at_ - 1] == '\n';
  }

  void take(TokenKind kind, std::size_t length) {
    push(kind, source_.substr(at_, length), at_);
    at_ += length;
  }

  void lex_name() {
    std::size_t end = at_;
    while (end < source_.size()) {
      const Utf8Char c = decode_utf8(rest(end));
      if (c.code < 0x80 ? !is_name_char(static_cast<char>(c.code)) : !is_python_word(c.code)) {
        break;
      }
      end += static_cast<std::size_t>(c.length);
    }
    if (end == at_) {
      fail_at(at_, fmt::format("unexpected char '{}'",
                               rest(at_).substr(0, static_cast<std::size_t>(decode_utf8(rest(at_)).length))));
    }
    if (!is_identifier(rest(at_).substr(0, end - at_))) {
      fail_at(at_, "Invalid character in identifier");
    }
    take(TokenKind::name, end - at_);
  }

  /// Length of (\d+_)*\d+ at `at`; 0 when there is none.
  std::size_t match_digits(std::size_t at) const {
    std::size_t end = at;
    while (end < source_.size() && is_digit(source_[end])) {
      ++end;
      if (end + 1 < source_.size() && source_[end] == '_' && is_digit(source_[end + 1])) {
        ++end;
      }
    }
    return end - at;
  }

  std::size_t match_real() const {
    const std::size_t whole = match_digits(at_);
    if (whole == 0 || (at_ > 0 && source_[at_ - 1] == '.')) {
      return 0;
    }
    std::size_t end = at_ + whole;
    bool is_real = false;
    if (end < source_.size() && source_[end] == '.') {
      if (const std::size_t fraction = match_digits(end + 1)) {
        end += 1 + fraction;
        is_real = true;
      }
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const std::size_t sign = end + 1 < source_.size() && (source_[end + 1] == '+' || source_[end + 1] == '-') ? 1 : 0;
      if (const std::size_t exponent = match_digits(end + 1 + sign)) {
        end += 1 + sign + exponent;
        is_real = true;
      }
    }
    return is_real ? end - at_ : 0;
  }

  std::size_t match_integer() const {
    if (!is_digit(source_[at_])) {
      return 0;
    }
    const char base =
        source_[at_] == '0' && at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : '\0';
    if (base == 'b' || base == 'o' || base == 'x') {
      const auto fits = [&](char c) {
        const char low = static_cast<char>(c | 0x20);
        return base == 'b'   ? c == '0' || c == '1'
               : base == 'o' ? c >= '0' && c <= '7'
                             : is_digit(c) || (low >= 'a' && low <= 'f');
      };
      std::size_t end = at_ + 2;
      while (end < source_.size()) {
        const std::size_t skip = source_[end] == '_' ? 1 : 0;
        if (end + skip >= source_.size() || !fits(source_[end + skip])) {
          break;
        }
        end += 1 + skip;
      }
      if (end > at_ + 2) {
        return end - at_;
      }
    }
    if (source_[at_] != '0') {
      return match_digits(at_);
    }
    std::size_t end = at_ + 1;  // 0(_?0)*
    while (end < source_.size()) {
      const std::size_t skip = source_[end] == '_' ? 1 : 0;
      if (end + skip >= source_.size() || source_[end + skip] != '0') {
        break;
      }
      end += 1 + skip;
    }
    return end - at_;
  }

  void lex_string() {
    const char quote = source_[at_];
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) {
      end += source_[end] == '\\' ? 2 : 1;
    }
    if (end >= source_.size()) {
      fail_at(at_, fmt::format("unexpected char {}", quote == '"' ? "'\"'" : "\"'\""));
    }
    push(TokenKind::string, unescape(at_ + 1, end), at_);
    at_ = end + 1;
  }

  void lex_operator() {
    static constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "*",
                                                      "/",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                      "=",  ">",  "<",  ".",  ":",  "|",  ",", ";"};
    for (const std::string_view op : kOperators) {
      if (!looking_at(op)) {
        continue;
      }
      const char c = op.front();
      if (c == '(' || c == '[' || c == '{') {
        brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
      } else if (c == ')' || c == ']' || c == '}') {
        if (brackets_.empty()) {
          fail_at(at_, fmt::format("unexpected '{}'", c));
        }
        if (brackets_.back() != c) {
          fail_at(at_, fmt::format("unexpected '{}', expected '{}'", c, brackets_.back()));
        }
        brackets_.pop_back();
      }
      take(TokenKind::op, op.size());
      return;
    }
    fail_at(at_, fmt::format("unexpected char '{}'", source_[at_]));
  }

  /// Value of the hexadecimal digits in [at, at + n); fails when there are fewer.
  char32_t hex(std::size_t at, std::size_t n, std::size_t end) {
    char32_t code = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const char c = at + i < end ? source_[at + i] : '\0';
      const char low = static_cast<char>(c | 0x20);
      if (!is_digit(c) && (low < 'a' || low > 'f')) {
        fail_at(at, fmt::format("truncated escape: {} hexadecimal digits are needed", n));
      }
      code = code * 16 + static_cast<char32_t>(is_digit(c) ? c - '0' : low - 'a' + 10);
    }
    return code;
  }

  /// Python's escapes; what is no escape keeps its backslash.
  std::string unescape(std::size_t at, std::size_t end) {
    std::string out;
    while (at < end) {
      const char c = source_[at++];
      if (c != '\\' || at >= end) {
        out += c;
        continue;
      }
      const char kind = source_[at++];
      constexpr std::string_view kSimple = "\\'\"abfnrtv";
      constexpr std::string_view kMeaning = "\\'\"\a\b\f\n\r\t\v";
      if (const std::size_t simple = kSimple.find(kind); simple != std::string_view::npos) {
        out += kMeaning[simple];
      } else if (kind >= '0' && kind <= '7') {
        char32_t code = static_cast<char32_t>(kind - '0');
        for (int i = 0; i < 2 && at < end && source_[at] >= '0' && source_[at] <= '7'; ++i) {
          code = code * 8 + static_cast<char32_t>(source_[at++] - '0');
        }
        append_utf8(out, code);
      } else if (kind == 'x' || kind == 'u' || kind == 'U') {
        const std::size_t n = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
        const char32_t code = hex(at, n, end);
        if (code > 0x10FFFF) {
          fail_at(at, "illegal Unicode character");
        }
        // Half of a surrogate pair has no UTF-8; U+FFFD stands for it.
        append_utf8(out, code >= 0xD800 && code <= 0xDFFF ? U'\uFFFD' : code);
        at += n;
      } else if (kind != '\n') {
        (out += '\\') += kind;
      }
    }
    return out;
  }

  std::string source_;
  std::size_t at_ = 0;
  std::string brackets_;       // closing ones that are waited for
  bool line_starting_ = true;  // the last tag ended with its line
  std::size_t placed_ = 0;     // line_ and line_begin_ are those of this byte
  int line_ = 1;
  std::size_t line_begin_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    fail(FailureKind::budget, "a template of {} bytes, the limit is {}", source.size(), kMaxSourceBytes);
  }
  return Lexer(normalize_lines(is_utf8(source) ? source : std::string_view(repair_utf8(source)))).run();
}

}  // namespace llorch::jinja
