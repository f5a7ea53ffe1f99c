// Statements: what stands in {% %}, and the text and {{ }} between.
#include <algorithm>
#include <set>

#include "jinja/parser_base.h"

namespace llorch::jinja {
namespace {

class StatementParser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Body parse() {
    Body body = parse_body({});
    if (token().kind != TokenKind::end) {
      fail_here(fmt::format("unexpected '{}'", describe(token())));
    }
    fail_unknown_names();
    return body;
  }

 private:
  /// Sets soft_ for as long as it lives.
  class Soft {
   public:
    Soft(StatementParser& parser, bool soft) : parser_(parser), outer_(std::exchange(parser.soft_, soft)) {}
    Soft(const Soft&) = delete;
    Soft& operator=(const Soft&) = delete;
    ~Soft() { parser_.soft_ = outer_; }

   private:
    StatementParser& parser_;
    bool outer_;
  };

  /// Up to a tag that begins with one of `ends`, whose name is the next token then.
  Body parse_body(std::initializer_list<std::string_view> ends) {
    const Level level(*this);
    Body body;
    while (token().kind != TokenKind::end) {
      const Token at = token();
      if (at.kind == TokenKind::data) {
        body.push_back({at.line, at.column, Data{string_constant(next().text)}});
      } else if (at.kind == TokenKind::variable_begin) {
        next();
        body.push_back({at.line, at.column, parse_output()});
      } else {
        next();
        if (token().kind == TokenKind::name &&
            std::find(ends.begin(), ends.end(), std::string_view(token().text)) != ends.end()) {
          return body;
        }
        parse_statement(at, body);
      }
    }
    if (ends.size() != 0) {
      fail_unclosed(ends);
    }
    return body;
  }

  [[noreturn]] void fail_unclosed(std::initializer_list<std::string_view> ends) {
    std::string wanted;
    for (const std::string_view end : ends) {
      wanted += (wanted.empty() ? "'" : " or '") + std::string(end) + "'";
    }
    fail_here(
        fmt::format("Unexpected end of template. Jinja was looking for the following tags: {}. The innermost "
                    "block that needs to be closed is '{}'.",
                    wanted, open_.empty() ? "" : open_.back()));
  }

  void expect_end(TokenKind kind, std::string_view what) {
    if (token().kind != kind) {
      if (token().kind == TokenKind::end) {
        fail_here(fmt::format("unexpected end of template, expected '{}'.", what));
      }
      fail_here(fmt::format("expected token '{}', got '{}'", what, describe(token())));
    }
    next();
  }
  void expect_block_end() { expect_end(TokenKind::block_end, "end of statement block"); }

  Output parse_output() {
    Output output;
    output.values.push_back(parse_tuple());
    expect_end(TokenKind::variable_end, "end of print statement");
    return output;
  }

  /// {% print a, b %}: one after the other, no tuple.
  Output parse_print() {
    Output output;
    while (token().kind != TokenKind::block_end && token().kind != TokenKind::end) {
      if (!output.values.empty()) {
        expect_op(",");
      }
      output.values.push_back(parse_expression());
    }
    expect_block_end();
    return output;
  }

  /// The tag's name is the next token.
  void parse_statement(const Token& at, Body& body) {
    if (token().kind != TokenKind::name) {
      fail_here("tag name expected");
    }
    const Token name = next();
    open_.push_back(name.text);
    Statement statement{at.line, at.column, Break{}};
    if (name.text == "if") {
      statement.node = parse_if();
    } else if (name.text == "for") {
      statement.node = parse_for();
    } else if (name.text == "set") {
      parse_set(statement);
    } else if (name.text == "macro") {
      statement.node = parse_macro();
    } else if (name.text == "call") {
      statement.node = parse_call_block(name);
    } else if (name.text == "filter") {
      statement.node = parse_filter_block();
    } else if (name.text == "with") {
      statement.node = parse_with();
    } else if (name.text == "print") {
      statement.node = parse_print();
    } else if (name.text == "generation") {
      expect_block_end();
      statement.node = Scoped{parse_to("endgeneration"), true};
    } else if (name.text == "block") {
      statement.node = parse_block();
    } else if (name.text == "autoescape") {
      parse_autoescape(body);
      open_.pop_back();
      return;
    } else if (name.text == "break" || name.text == "continue") {
      parse_loop_control(name, statement);
    } else {
      fail_unknown(name);
    }
    open_.pop_back();
    body.push_back(std::move(statement));
  }

  [[noreturn]] void fail_unknown(const Token& name) {
    for (const std::string_view other : {"include", "import", "from", "extends"}) {
      if (name.text == other) {
        fail_at(name, fmt::format("'{}' needs other templates, of which a model has none", other));
      }
    }
    open_.pop_back();
    std::string hint =
        open_.empty() ? "" : fmt::format(" The innermost block that needs to be closed is '{}'.", open_.back());
    fail_at(name, fmt::format("Encountered unknown tag '{}'.{}", name.text, hint));
  }

  /// The body up to {% end %}, which is taken.
  Body parse_to(std::string_view end) {
    const Soft soft(*this, false);
    Body body = parse_body({end});
    next();
    expect_block_end();
    return body;
  }

  If parse_if() {
    If node;
    const Soft soft(*this, true);
    ExpressionPtr condition = parse_tuple(false);
    expect_block_end();
    while (true) {
      Body body = condition == nullptr ? parse_body({"endif"}) : parse_body({"elif", "else", "endif"});
      node.branches.emplace_back(std::move(condition), std::move(body));
      const std::string tag = next().text;
      if (tag == "elif") {
        condition = parse_tuple(false);
      }
      expect_block_end();
      if (tag == "endif") {
        return node;
      }
      if (tag == "else") {
        condition = nullptr;
      }
    }
  }

  Target parse_target(bool allow_attribute) {
    Target target;
    target.name = expect_name();
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
      if (target.name == constant) {
        fail_here(fmt::format("can't assign to '{}'", target.name));
      }
    }
    if (allow_attribute && skip_op(".")) {
      target.attribute = string_constant(expect_name());
    }
    return target;
  }

  /// name, name.attribute, (a, b) or a, b; `stop` ends it.
  Target parse_targets(bool allow_attribute, std::string_view stop) {
    const Level level(*this);
    Target all;
    while (true) {
      if (skip_op("(")) {
        all.items.push_back(parse_targets(allow_attribute, {}));
        expect_op(")");
      } else {
        all.items.push_back(parse_target(allow_attribute));
      }
      if (!skip_op(",")) {
        break;
      }
      all.is_tuple = true;
      if (token().kind != TokenKind::name && !is_op("(")) {
        break;  // a trailing comma
      }
      if (!stop.empty() && is_name(stop)) {
        break;
      }
    }
    if (!all.is_tuple) {
      Target only = std::move(all.items.front());
      return only;
    }
    return all;
  }

  static bool assigns(const Target& target, std::string_view name) {
    return target.is_tuple ? std::any_of(target.items.begin(), target.items.end(),
                                         [&](const Target& item) { return assigns(item, name); })
                           : target.name == name;
  }

  For parse_for() {
    For node;
    const Token at = token();
    node.target = parse_targets(false, "in");
    if (assigns(node.target, "loop")) {
      fail_at(at, "Can't assign to special loop variable in for-loop target");
    }
    if (!skip_name("in")) {
      fail_here(fmt::format("expected token 'in', got '{}'", describe(token())));
    }
    node.iterable = parse_tuple(false, "recursive");
    if (skip_name("if")) {
      node.condition = parse_expression();
    }
    node.recursive = skip_name("recursive");
    expect_block_end();
    const Soft soft(*this, false);
    ++loops_;
    node.body = parse_body({"endfor", "else"});
    --loops_;
    if (next().text == "else") {
      expect_block_end();
      node.otherwise = parse_body({"endfor"});
      next();
    }
    expect_block_end();
    return node;
  }

  void parse_set(Statement& statement) {
    Target target = parse_targets(true, {});
    if (skip_op("=")) {
      statement.node = Set{std::move(target), parse_tuple()};
      expect_block_end();
      return;
    }
    SetBlock node{std::move(target), parse_filter_chain(nullptr, false), {}};
    expect_block_end();
    node.body = parse_to("endset");
    statement.node = std::move(node);
  }

  void parse_signature(MacroDefinition& macro) {
    expect_op("(");
    while (!is_op(")")) {
      if (!macro.parameters.empty()) {
        expect_op(",");
      }
      if (is_op(")")) {
        break;
      }
      macro.parameters.push_back(parse_target(false).name);
      if (skip_op("=")) {
        macro.defaults.push_back(parse_expression());
      } else if (!macro.defaults.empty()) {
        fail_here("non-default argument follows default argument");
      }
    }
    expect_op(")");
  }

  /// The body of a macro, with what it uses of varargs, kwargs and caller.
  void parse_macro_body(MacroDefinition& macro, std::string_view end) {
    const bool outer[] = {std::exchange(uses_varargs_, false), std::exchange(uses_kwargs_, false),
                          std::exchange(uses_caller_, false)};
    const int loops = std::exchange(loops_, 0);
    const Soft soft(*this, false);
    expect_block_end();
    macro.body = parse_to(end);
    macro.uses_varargs = uses_varargs_;
    macro.uses_kwargs = uses_kwargs_;
    macro.uses_caller = uses_caller_;
    const auto required = macro.parameters.end() - static_cast<std::ptrdiff_t>(macro.defaults.size());
    if (uses_caller_ && std::find(macro.parameters.begin(), required, "caller") != required) {
      fail_here(
          "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.");
    }
    // What is used inside is used by the macro around it too, as Jinja sees it.
    uses_varargs_ |= outer[0];
    uses_kwargs_ |= outer[1];
    uses_caller_ |= outer[2];
    loops_ = loops;
  }

  MacroDefinition parse_macro() {
    MacroDefinition macro;
    macro.name = expect_name();
    parse_signature(macro);
    parse_macro_body(macro, "endmacro");
    return macro;
  }

  CallBlock parse_call_block(const Token& at) {
    CallBlock node;
    node.caller.name = "caller";
    if (is_op("(")) {
      parse_signature(node.caller);
    }
    node.call = parse_expression();
    if (!std::holds_alternative<Call>(node.call->node)) {
      fail_at(at, "expected call");
    }
    parse_macro_body(node.caller, "endcall");
    return node;
  }

  FilterBlock parse_filter_block() {
    FilterBlock node{parse_filter_chain(nullptr, true), {}};
    expect_block_end();
    node.body = parse_to("endfilter");
    return node;
  }

  With parse_with() {
    With node;
    while (token().kind != TokenKind::block_end && token().kind != TokenKind::end) {
      if (!node.values.empty()) {
        expect_op(",");
      }
      Target target = parse_target(false);
      expect_op("=");
      node.values.emplace_back(std::move(target), parse_expression());
    }
    expect_block_end();
    node.body = parse_to("endwith");
    return node;
  }

  Scoped parse_block() {
    const Token at = token();
    const std::string name = expect_name();
    if (!blocks_.insert(name).second) {
      fail_at(at, fmt::format("block '{}' defined twice", name));
    }
    const bool scoped = skip_name("scoped");
    skip_name("required");
    expect_block_end();
    const int loops = std::exchange(loops_, 0);
    Body body = parse_body({"endblock"});
    loops_ = loops;
    next();
    skip_name(name);
    expect_block_end();
    return Scoped{std::move(body), scoped};
  }

  void parse_autoescape(Body& body) {
    const Token at = token();
    const ExpressionPtr value = parse_expression();
    const auto* constant = std::get_if<Constant>(&value->node);
    if (constant == nullptr || truthy(constant->value)) {
      fail_at(at, "autoescape can only be false: prompts are no HTML");
    }
    expect_block_end();
    Statement statement{at.line, at.column, Scoped{parse_to("endautoescape"), true}};
    body.push_back(std::move(statement));
  }

  void parse_loop_control(const Token& name, Statement& statement) {
    if (loops_ == 0) {
      fail_at(name, fmt::format("'{}' outside loop", name.text));
    }
    if (name.text == "break") {
      statement.node = Break{};
    } else {
      statement.node = Continue{};
    }
    expect_block_end();
  }

  std::vector<std::string> open_;  // tags under way
  std::set<std::string> blocks_;
  int loops_ = 0;
};

}  // namespace

Body parse_template(std::string_view source, Heap& heap) {
  return StatementParser(tokenize(source), heap).parse();
}

}  // namespace llorch::jinja
