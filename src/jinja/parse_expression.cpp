// Expressions, one function for each level of precedence, as Jinja's parser has them: "-" binds before "**", "~" lies
// between "+" and "*", filters bind tighter than any operator.
#include <algorithm>
#include <charconv>

#include "jinja/filters.h"
#include "jinja/parser_base.h"

namespace llorch::jinja {
namespace {

constexpr std::pair<std::string_view, Comparator> kComparators[] = {
    {"==", Comparator::equal},      {"!=", Comparator::not_equal}, {"<", Comparator::less},
    {"<=", Comparator::less_equal}, {">", Comparator::greater},    {">=", Comparator::greater_equal},
};

std::string without_underscores(std::string_view text) {
  std::string out(text);
  std::erase(out, '_');
  return out;
}

BigInt parse_integer(std::string text) {
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char kind = static_cast<char>(text[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
    text.erase(0, base == 10 ? 0 : 2);
  }
  BigInt value = 0;
  for (const char c : text) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value * base + digit;
  }
  return value;
}

}  // namespace

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(&parser) {
  if (++parser.depth_ > kMaxNesting) {
    --parser.depth_;
    throw Failure{FailureKind::budget, fmt::format("nested more than {} deep", kMaxNesting), parser.token().line,
                  parser.token().column};
  }
}

void ExpressionParser::raise_height(const Token& at, Expression& expression, const ExpressionPtr& part) {
  if (part != nullptr) {
    expression.height = std::max(expression.height, part->height + 1);
  }
  if (expression.height > kMaxHeight) {
    throw Failure{FailureKind::budget, fmt::format("an expression of more than {} operators in a row", kMaxHeight),
                  at.line, at.column};
  }
}

void ExpressionParser::raise_height(const Token& at, Expression& expression, const CallArguments& arguments) {
  for (const auto& argument : arguments.positional) {
    raise_height(at, expression, argument);
  }
  for (const auto& [name, argument] : arguments.named) {
    raise_height(at, expression, argument);
  }
  raise_height(at, expression, arguments.more_positional);
  raise_height(at, expression, arguments.more_named);
}

std::string ExpressionParser::describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::data:
      return "template data / text";
    case TokenKind::block_begin:
      return "begin of statement block";
    case TokenKind::block_end:
      return "end of statement block";
    case TokenKind::variable_begin:
      return "begin of print statement";
    case TokenKind::variable_end:
      return "end of print statement";
    case TokenKind::end:
      return "end of template";
    default:
      return token.text;
  }
}

void ExpressionParser::expect_op(std::string_view text) {
  if (!skip_op(text)) {
    if (token().kind == TokenKind::end) {
      fail_here(fmt::format("unexpected end of template, expected '{}'.", text));
    }
    fail_here(fmt::format("expected token '{}', got '{}'", text, describe(token())));
  }
}

std::string ExpressionParser::expect_name() {
  if (token().kind != TokenKind::name) {
    if (token().kind == TokenKind::end) {
      fail_here("unexpected end of template, expected 'name'.");
    }
    fail_here(fmt::format("expected token 'name', got '{}'", describe(token())));
  }
  return next().text;
}

void ExpressionParser::note_unknown(const Token& at, std::string message) {
  if (!soft_) {
    unknown_.push_back({FailureKind::syntax, std::move(message), at.line, at.column});
  }
}

void ExpressionParser::fail_unknown_names() const {
  if (!unknown_.empty()) {
    throw unknown_.front();
  }
}

Value ExpressionParser::string_constant(std::string text) {
  Value value(Kind::string, new StringObject(*heap_, Text(std::move(text), Origin::author)));
  return value;
}

ExpressionPtr ExpressionParser::parse_expression(bool with_condition) {
  const Level level(*this);
  const Token at = token();
  const std::size_t n_unknown = unknown_.size();
  ExpressionPtr value = parse_or();
  while (with_condition && skip_name("if")) {
    const bool outer = std::exchange(soft_, true);
    unknown_.resize(n_unknown);  // what came before "if" may never run
    Conditional node{parse_or(), std::move(value), nullptr};
    if (skip_name("else")) {
      node.no = parse_expression();
    }
    soft_ = outer;
    value = make(at, std::move(node), {&node.test, &node.yes, &node.no});
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_or() {
  const Token at = token();
  ExpressionPtr left = parse_and();
  while (skip_name("or")) {
    Logical node{false, std::move(left), parse_and()};
    left = make(at, std::move(node), {&node.left, &node.right});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  const Token at = token();
  ExpressionPtr left = parse_not();
  while (skip_name("and")) {
    Logical node{true, std::move(left), parse_not()};
    left = make(at, std::move(node), {&node.left, &node.right});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  const Token at = token();
  if (!skip_name("not")) {
    return parse_compare();
  }
  const Level level(*this);
  Unary node{Unary::Op::negation, parse_not()};
  return make(at, std::move(node), {&node.of});
}

ExpressionPtr ExpressionParser::parse_compare() {
  const Token at = token();
  Comparison node{parse_sum(), {}};
  int height = node.first->height;
  while (true) {
    const auto known = std::find_if(std::begin(kComparators), std::end(kComparators),
                                    [&](const auto& entry) { return is_op(entry.first); });
    Comparator comparator = Comparator::in;
    if (known != std::end(kComparators)) {
      comparator = known->second;
      next();
    } else if (is_name("not") && peek().kind == TokenKind::name && peek().text == "in") {
      next();
      next();
      comparator = Comparator::not_in;
    } else if (!skip_name("in")) {
      break;
    }
    node.rest.emplace_back(comparator, parse_sum());
    height = std::max(height, node.rest.back().second->height);
  }
  if (node.rest.empty()) {
    return std::move(node.first);
  }
  ExpressionPtr value = make(at, std::move(node));
  value->height = height + 1;
  return value;
}

ExpressionPtr ExpressionParser::parse_sum() {
  const Token at = token();
  ExpressionPtr left = parse_concatenation();
  while (is_op("+") || is_op("-")) {
    const Arithmetic op = next().text == "+" ? Arithmetic::add : Arithmetic::subtract;
    Binary node{op, std::move(left), parse_concatenation()};
    left = make(at, std::move(node), {&node.left, &node.right});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  const Token at = token();
  Concatenation node;
  node.parts.push_back(parse_product());
  while (skip_op("~")) {
    node.parts.push_back(parse_product());
  }
  if (node.parts.size() == 1) {
    return std::move(node.parts.front());
  }
  ExpressionPtr value = make(at, Constant{});
  for (const ExpressionPtr& part : node.parts) {
    raise_height(at, *value, part);
  }
  value->node = std::move(node);
  return value;
}

ExpressionPtr ExpressionParser::parse_product() {
  const Token at = token();
  ExpressionPtr left = parse_power();
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    const std::string text = next().text;
    const Arithmetic op = text == "*"    ? Arithmetic::multiply
                          : text == "/"  ? Arithmetic::divide
                          : text == "//" ? Arithmetic::floor_divide
                                         : Arithmetic::modulo;
    Binary node{op, std::move(left), parse_power()};
    left = make(at, std::move(node), {&node.left, &node.right});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_power() {
  const Token at = token();
  ExpressionPtr left = parse_unary();
  while (skip_op("**")) {
    Binary node{Arithmetic::power, std::move(left), parse_unary()};
    left = make(at, std::move(node), {&node.left, &node.right});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filter) {
  const Level level(*this);
  const Token at = token();
  ExpressionPtr value;
  if (is_op("-") || is_op("+")) {
    const Unary::Op op = next().text == "-" ? Unary::Op::minus : Unary::Op::plus;
    Unary node{op, parse_unary(false)};
    value = make(at, std::move(node), {&node.of});
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filter ? parse_filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::parse_number() {
  const Token at = next();
  if (at.kind == TokenKind::real) {
    const std::string text = without_underscores(at.text);
    return make(at, Constant{Value(std::strtod(text.c_str(), nullptr))});
  }
  if (at.text.size() > 4300) {
    fail_at(at, "an integer of more than 4300 digits");
  }
  BigInt value = parse_integer(without_underscores(at.text));
  if (value <= INT64_MAX) {
    return make(at, Constant{Value(value.convert_to<std::int64_t>())});
  }
  return make(at, Constant{Value(Kind::big, new BigObject(*heap_, std::move(value)))});
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token at = token();
  switch (at.kind) {
    case TokenKind::name: {
      next();
      if (at.text == "true" || at.text == "True" || at.text == "false" || at.text == "False") {
        return make(at, Constant{Value(at.text == "true" || at.text == "True")});
      }
      if (at.text == "none" || at.text == "None") {
        return make(at, Constant{Value::none()});
      }
      uses_varargs_ = uses_varargs_ || at.text == "varargs";
      uses_kwargs_ = uses_kwargs_ || at.text == "kwargs";
      uses_caller_ = uses_caller_ || at.text == "caller";
      return make(at, NameRef{at.text});
    }
    case TokenKind::string: {
      std::string text;
      while (token().kind == TokenKind::string) {
        text += next().text;
      }
      return make(at, Constant{string_constant(std::move(text))});
    }
    case TokenKind::integer:
    case TokenKind::real:
      return parse_number();
    default:
      break;
  }
  if (skip_op("(")) {
    ExpressionPtr value = parse_tuple(true, {}, true);
    expect_op(")");
    return value;
  }
  if (is_op("[")) {
    return parse_list();
  }
  if (is_op("{")) {
    return parse_dict();
  }
  fail_here(fmt::format("unexpected '{}'", describe(at)));
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_condition, std::string_view stop, bool in_parentheses) {
  const Token at = token();
  Sequence node{true, {}};
  bool is_tuple = false;
  while (true) {
    if (!node.items.empty() && !skip_op(",")) {
      break;
    }
    is_tuple = is_tuple || !node.items.empty();
    const bool ends = token().kind == TokenKind::variable_end || token().kind == TokenKind::block_end || is_op(")") ||
                      (!stop.empty() && is_name(stop));
    if (ends) {
      break;
    }
    node.items.push_back(parse_expression(with_condition));
  }
  if (!is_tuple && !node.items.empty()) {
    return std::move(node.items.front());
  }
  if (node.items.empty() && !in_parentheses) {
    fail_here(fmt::format("Expected an expression, got '{}'", describe(token())));
  }
  ExpressionPtr value = make(at, Constant{});
  for (const ExpressionPtr& item : node.items) {
    raise_height(at, *value, item);
  }
  value->node = std::move(node);
  return value;
}

ExpressionPtr ExpressionParser::parse_list() {
  const Token at = next();
  Sequence node{false, {}};
  ExpressionPtr value = make(at, Constant{});
  while (!is_op("]")) {
    if (!node.items.empty()) {
      expect_op(",");
    }
    if (is_op("]")) {
      break;
    }
    node.items.push_back(parse_expression());
    raise_height(at, *value, node.items.back());
  }
  expect_op("]");
  value->node = std::move(node);
  return value;
}

ExpressionPtr ExpressionParser::parse_dict() {
  const Token at = next();
  DictLiteral node;
  ExpressionPtr value = make(at, Constant{});
  while (!is_op("}")) {
    if (!node.items.empty()) {
      expect_op(",");
    }
    if (is_op("}")) {
      break;
    }
    ExpressionPtr key = parse_expression();
    expect_op(":");
    node.items.emplace_back(std::move(key), parse_expression());
    raise_height(at, *value, node.items.back().first);
    raise_height(at, *value, node.items.back().second);
  }
  expect_op("}");
  value->node = std::move(node);
  return value;
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr of) {
  while (true) {
    if (is_op(".") || is_op("[")) {
      of = parse_subscript(std::move(of));
    } else if (is_op("(")) {
      of = parse_call(std::move(of));
    } else {
      return of;
    }
  }
}

ExpressionPtr ExpressionParser::parse_filters_and_tests(ExpressionPtr of) {
  while (true) {
    if (is_op("|")) {
      of = parse_filter_chain(std::move(of), false);
    } else if (is_name("is")) {
      of = parse_test(std::move(of));
    } else if (is_op("(")) {
      of = parse_call(std::move(of));
    } else {
      return of;
    }
  }
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr of) {
  const Token at = next();
  if (at.text == ".") {
    if (token().kind == TokenKind::integer) {
      Item node{std::move(of), parse_number()};
      return make(at, std::move(node), {&node.of});
    }
    if (token().kind != TokenKind::name) {
      fail_here("expected name or number");
    }
    Attribute node{std::move(of), string_constant(next().text)};
    return make(at, std::move(node), {&node.of});
  }
  const auto bound = [&]() -> ExpressionPtr {
    return is_op(":") || is_op("]") || is_op(",") ? nullptr : parse_expression();
  };
  Slice slice{nullptr, bound(), nullptr, nullptr};
  if (skip_op(":")) {
    slice.end = bound();
    if (skip_op(":")) {
      slice.step = bound();
    }
    expect_op("]");
    slice.of = std::move(of);
    return make(at, std::move(slice), {&slice.of, &slice.begin, &slice.end, &slice.step});
  }
  if (slice.begin == nullptr) {
    fail_here("expected an item");
  }
  Item node{std::move(of), std::move(slice.begin)};
  if (is_op(",")) {  // of[a, b]: a tuple is the key
    Sequence keys{true, {}};
    keys.items.push_back(std::move(node.key));
    while (skip_op(",")) {
      keys.items.push_back(parse_expression());
    }
    node.key = make(at, std::move(keys));
  }
  expect_op("]");
  return make(at, std::move(node), {&node.of, &node.key});
}

CallArguments ExpressionParser::parse_arguments() {
  const Level level(*this);
  CallArguments arguments;
  bool comma_needed = false;
  while (!is_op(")")) {
    if (comma_needed) {
      expect_op(",");
      if (is_op(")")) {
        break;
      }
    }
    if (skip_op("*")) {
      if (arguments.more_positional != nullptr || arguments.more_named != nullptr) {
        fail_here("invalid syntax for function call expression");
      }
      arguments.more_positional = parse_expression();
    } else if (skip_op("**")) {
      if (arguments.more_named != nullptr) {
        fail_here("invalid syntax for function call expression");
      }
      arguments.more_named = parse_expression();
    } else if (token().kind == TokenKind::name && peek().kind == TokenKind::op && peek().text == "=") {
      if (arguments.more_named != nullptr) {
        fail_here("invalid syntax for function call expression");
      }
      Value name = string_constant(next().text);
      next();
      arguments.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (arguments.more_positional != nullptr || arguments.more_named != nullptr || !arguments.named.empty()) {
        fail_here("invalid syntax for function call expression");
      }
      arguments.positional.push_back(parse_expression());
    }
    comma_needed = true;
  }
  expect_op(")");
  return arguments;
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr of) {
  const Token at = next();
  Call node{std::move(of), parse_arguments()};
  ExpressionPtr value = make(at, Constant{}, {&node.callee});
  raise_height(at, *value, node.arguments);
  value->node = std::move(node);
  return value;
}

ExpressionPtr ExpressionParser::parse_filter_chain(ExpressionPtr of, bool starts_inside) {
  while (is_op("|") || starts_inside) {
    if (!starts_inside) {
      next();
    }
    starts_inside = false;
    const Token at = token();
    FilterCall node{std::move(of), expect_name(), nullptr, {}};
    while (skip_op(".")) {
      node.name += "." + expect_name();
    }
    node.filter = find_filter(node.name);
    if (node.filter == nullptr) {
      note_unknown(at, fmt::format("No filter named '{}'.", node.name));
    }
    if (skip_op("(")) {
      node.arguments = parse_arguments();
    }
    of = make(at, Constant{}, {&node.of});
    raise_height(at, *of, node.arguments);
    of->node = std::move(node);
  }
  return of;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr of) {
  next();
  TestCall node{std::move(of), {}, nullptr, {}, skip_name("not")};
  const Token at = token();
  node.name = expect_name();
  while (skip_op(".")) {
    node.name += "." + expect_name();
  }
  node.test = find_test(node.name);
  if (node.test == nullptr) {
    note_unknown(at, fmt::format("No test named '{}'.", node.name));
  }
  const TokenKind kind = token().kind;
  const bool starts_value = kind == TokenKind::string || kind == TokenKind::integer || kind == TokenKind::real ||
                            is_op("[") || is_op("{") ||
                            (kind == TokenKind::name && !is_name("else") && !is_name("or") && !is_name("and"));
  if (skip_op("(")) {
    node.arguments = parse_arguments();
  } else if (starts_value) {
    if (is_name("is")) {
      fail_here("You cannot chain multiple tests with is");
    }
    node.arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExpressionPtr value = make(at, Constant{}, {&node.of});
  raise_height(at, *value, node.arguments);
  value->node = std::move(node);
  return value;
}

}  // namespace llorch::jinja
