// What both halves of the parser use: the tokens, a place in them, and errors.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "jinja/ast.h"
#include "jinja/lexer.h"
#include "jinja/parser.h"

namespace llorch::jinja {

/// parse_expression.cpp: expressions. parse_statement.cpp: StatementParser, on top of it.
class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, Heap& heap) : tokens_(std::move(tokens)), heap_(&heap) {}

 protected:
  const Token& token() const { return tokens_[at_]; }
  const Token& peek() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is_op(std::string_view text) const { return token().kind == TokenKind::op && token().text == text; }
  bool is_name(std::string_view text) const { return token().kind == TokenKind::name && token().text == text; }
  bool skip_op(std::string_view text) { return is_op(text) && (next(), true); }
  bool skip_name(std::string_view text) { return is_name(text) && (next(), true); }
  void expect_op(std::string_view text);
  std::string expect_name();
  [[noreturn]] void fail_here(std::string message) const { fail_at(token(), std::move(message)); }
  [[noreturn]] static void fail_at(const Token& token, std::string message) {
    throw Failure{FailureKind::syntax, std::move(message), token.line, token.column};
  }
  /// The token as Jinja's messages name it.
  static std::string describe(const Token& token);

  /// `with_condition` false: no "a if b else c" (the "if" belongs to a {% for %}).
  ExpressionPtr parse_expression(bool with_condition = true);
  /// Several with commas become a tuple. `stop`: a name that ends it ("recursive").
  ExpressionPtr parse_tuple(bool with_condition = true, std::string_view stop = {}, bool in_parentheses = false);
  CallArguments parse_arguments();
  /// "name(args)|name ..." after a "|", or at the start of a {% filter %}.
  ExpressionPtr parse_filter_chain(ExpressionPtr of, bool starts_inside);
  Value string_constant(std::string text);

  /// `parts` lie in `node`, which is moved from when their heights are known.
  template <class Node>
  static ExpressionPtr make(const Token& at, Node&& node, std::initializer_list<const ExpressionPtr*> parts = {}) {
    auto expression = std::make_unique<Expression>();
    expression->line = at.line;
    expression->column = at.column;
    for (const ExpressionPtr* part : parts) {
      raise_height(at, *expression, *part);
    }
    expression->node = std::forward<Node>(node);
    return expression;
  }
  static void raise_height(const Token& at, Expression& expression, const ExpressionPtr& part);
  static void raise_height(const Token& at, Expression& expression, const CallArguments& arguments);

  /// Counts nesting for as long as it lives.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --parser_->depth_; }

   private:
    ExpressionParser* parser_;
  };

  /// A filter or test that does not exist: an error of the template, unless it stands in a branch that may never run
  /// (soft_), where Jinja finds out when it does.
  void note_unknown(const Token& at, std::string message);
  void fail_unknown_names() const;

  bool soft_ = false;  // in {% if %}, outside of a loop or macro in it
  bool uses_varargs_ = false, uses_kwargs_ = false, uses_caller_ = false;  // names seen, for macros

 private:
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filter = true);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr of);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr of);
  ExpressionPtr parse_subscript(ExpressionPtr of);
  ExpressionPtr parse_call(ExpressionPtr of);
  ExpressionPtr parse_test(ExpressionPtr of);
  ExpressionPtr parse_number();

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  Heap* heap_;
  int depth_ = 0;
  std::vector<Failure> unknown_;
};

}  // namespace llorch::jinja
