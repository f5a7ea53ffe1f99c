// Expressions.
#include "jinja/filters.h"
#include "jinja/interpreter.h"
#include "jinja/str_methods.h"

namespace llorch::jinja {

Value Interpreter::eval(const Expression& expression) {
  try {
    const Level level(*this);
    return std::visit([this](const auto& node) { return evaluate(node); }, expression.node);
  } catch (Failure& failure) {
    if (failure.line == 0) {
      failure.line = expression.line;
      failure.column = expression.column;
    }
    throw;
  }
}

Value Interpreter::evaluate(const NameRef& node) {
  runtime_->step(static_cast<std::int64_t>(node.name.size() / kBytesPerStep));
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    if (const Value* value = scope->find(node.name)) {
      return *value;
    }
  }
  if (const Value* value = variables_.as<DictObject>().get(node.name)) {
    return *value;
  }
  Value global = find_global(*runtime_, node.name);
  return global.is(Kind::undefined) ? runtime_->undefined(fmt::format("'{}' is undefined", node.name)) : global;
}

Value Interpreter::evaluate(const Attribute& node) {
  return get_attribute(*runtime_, eval(*node.of), node.name);
}

Value Interpreter::evaluate(const Item& node) {
  const Value of = eval(*node.of);
  return get_item(*runtime_, of, eval(*node.key));
}

Value Interpreter::evaluate(const Slice& node) {
  const Value of = eval(*node.of);
  const Value begin = eval_or_none(node.begin);
  const Value end = eval_or_none(node.end);
  return get_slice(*runtime_, of, begin, end, eval_or_none(node.step));
}

Arguments Interpreter::evaluate_arguments(const CallArguments& node) {
  Arguments arguments;
  for (const ExpressionPtr& argument : node.positional) {
    arguments.positional.push_back(eval(*argument));
  }
  if (node.more_positional != nullptr) {
    for (Value& item : items_of(*runtime_, eval(*node.more_positional))) {
      arguments.positional.push_back(std::move(item));
    }
  }
  for (const auto& [name, argument] : node.named) {
    arguments.named.emplace_back(name, eval(*argument));
  }
  if (node.more_named != nullptr) {
    const Value more = eval(*node.more_named);
    if (!more.is(Kind::dict)) {
      fail(FailureKind::type, "argument after ** must be a mapping, not {}", type_name(more));
    }
    for (const auto& [name, argument] : node.named) {
      if (more.as<DictObject>().find(*runtime_, name) != DictObject::npos) {
        fail(FailureKind::type, "got multiple values for keyword argument '{}'", name.text().view());
      }
    }
    for (const auto& [key, value] : more.as<DictObject>().entries) {
      if (!key.is(Kind::string)) {
        fail(FailureKind::type, "keywords must be strings");
      }
      arguments.named.emplace_back(key, value);
    }
  }
  return arguments;
}

Value Interpreter::evaluate(const Call& node) {
  // text.method(...) is called without making a value of the method first.
  if (const auto* attribute = std::get_if<Attribute>(&node.callee->node)) {
    const Value of = eval(*attribute->of);
    const Method method = of.is(Kind::string) ? find_string_method(attribute->name.text().view()) : nullptr;
    if (method != nullptr) {
      return method(*runtime_, of, evaluate_arguments(node.arguments));
    }
    const Value callee = get_attribute(*runtime_, of, attribute->name);
    return call(callee, evaluate_arguments(node.arguments));
  }
  const Value callee = eval(*node.callee);
  return call(callee, evaluate_arguments(node.arguments));
}

Value Interpreter::evaluate(const FilterCall& node) {
  if (node.filter == nullptr) {
    fail(FailureKind::value, "No filter named '{}' found.", node.name);
  }
  const Value of = node.of != nullptr ? eval(*node.of) : captured_;
  return node.filter(*runtime_, of, evaluate_arguments(node.arguments));
}

Value Interpreter::evaluate(const TestCall& node) {
  if (node.test == nullptr) {
    fail(FailureKind::value, "No test named '{}' found.", node.name);
  }
  const Value of = eval(*node.of);
  return Value(node.test(*runtime_, of, evaluate_arguments(node.arguments)) != node.negated);
}

Value Interpreter::evaluate(const Unary& node) {
  const Value of = eval(*node.of);
  if (node.op == Unary::Op::negation) {
    return Value(!truthy(of));
  }
  return negate(*runtime_, of, node.op == Unary::Op::minus);
}

Value Interpreter::evaluate(const Binary& node) {
  const Value left = eval(*node.left);
  return arithmetic(*runtime_, node.op, left, eval(*node.right));
}

Value Interpreter::evaluate(const Logical& node) {
  Value left = eval(*node.left);
  return truthy(left) == node.is_and ? eval(*node.right) : left;
}

bool Interpreter::compare(Comparator comparator, const Value& left, const Value& right) {
  switch (comparator) {
    case Comparator::equal:
      return equal(*runtime_, left, right);
    case Comparator::not_equal:
      return !equal(*runtime_, left, right);
    case Comparator::less:
      return less(*runtime_, left, right, "<");
    case Comparator::greater:
      return less(*runtime_, right, left, ">");
    case Comparator::less_equal:
      return less(*runtime_, left, right, "<=") || equal(*runtime_, left, right);
    case Comparator::greater_equal:
      return less(*runtime_, right, left, ">=") || equal(*runtime_, left, right);
    case Comparator::in:
      return contains(*runtime_, right, left);
    case Comparator::not_in:
      return !contains(*runtime_, right, left);
  }
  return false;
}

Value Interpreter::evaluate(const Comparison& node) {
  Value left = eval(*node.first);
  for (const auto& [comparator, expression] : node.rest) {
    Value right = eval(*expression);
    if (!compare(comparator, left, right)) {
      return Value(false);
    }
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::evaluate(const Concatenation& node) {
  Text text;
  for (const ExpressionPtr& part : node.parts) {
    const Value value = eval(*part);
    if (value.is(Kind::string)) {
      runtime_->heap().expect(text.size() + value.text().size());
      text.append(value.text());
    } else {
      text.append(to_text(*runtime_, value));
    }
  }
  return runtime_->string(std::move(text));
}

Value Interpreter::evaluate(const Conditional& node) {
  if (truthy(eval(*node.test))) {
    return eval(*node.yes);
  }
  if (node.no != nullptr) {
    return eval(*node.no);
  }
  return runtime_->undefined(fmt::format(
      "the inline if-expression on line {} evaluated to false and no else section was defined.", node.test->line));
}

Value Interpreter::evaluate(const Sequence& node) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExpressionPtr& item : node.items) {
    items.push_back(eval(*item));
  }
  return node.is_tuple ? runtime_->tuple(std::move(items)) : runtime_->list(std::move(items));
}

Value Interpreter::evaluate(const DictLiteral& node) {
  const Value value = runtime_->dict();
  for (const auto& [key, item] : node.items) {
    const Value k = eval(*key);
    value.as<DictObject>().set(*runtime_, k, eval(*item));
  }
  return value;
}

}  // namespace llorch::jinja
