// Statements. if makes no scope of its own; every turn of a loop, every call and every captured body does.
#include <algorithm>

#include "jinja/filters.h"
#include "jinja/interpreter.h"
#include "jinja/loop.h"
#include "jinja/parser.h"

namespace llorch::jinja {
namespace {
constexpr std::size_t kScopeBytes = 256;  // about what a scope with a few names takes
}

static_assert(Limits{}.depth >= kMaxNesting + kMaxHeight, "what can be parsed can be run");

std::size_t Scope::place_of(std::string_view name) const {
  if (names_.size() >= kIndexed) {
    const auto found = index_.find(name);
    return found == index_.end() ? names_.size() : found->second;
  }
  const auto found = std::find_if(names_.begin(), names_.end(), [&](const auto& known) { return known.first == name; });
  return static_cast<std::size_t>(found - names_.begin());
}

const Value* Scope::find(std::string_view name) const {
  const std::size_t i = place_of(name);
  return i < names_.size() ? &names_[i].second : nullptr;
}

void Scope::set(std::string_view name, Value value) {
  const std::size_t i = place_of(name);
  if (i < names_.size()) {
    names_[i].second = std::move(value);
    return;
  }
  names_.emplace_back(name, std::move(value));
  for (std::size_t k = names_.size() == kIndexed ? 0 : i; names_.size() >= kIndexed && k < names_.size(); ++k) {
    index_.emplace(names_[k].first, k);
  }
}

Interpreter::Interpreter(Runtime& runtime, const Value& variables)
    : runtime_(&runtime), variables_(variables), root_(std::make_shared<Scope>()), scope_(root_) {}

Interpreter::~Interpreter() {
  for (const ScopePtr& scope : closed_) {
    scope->clear();
  }
}

Interpreter::Inner::Inner(Interpreter& interpreter, ScopePtr parent)
    : interpreter_(&interpreter), outer_(interpreter.scope_) {
  interpreter.scope_ = std::make_shared<Scope>(parent != nullptr ? std::move(parent) : outer_);
}

Interpreter::Level::Level(Interpreter& interpreter) : interpreter_(&interpreter) {
  interpreter.runtime_->step();
  if (interpreter.depth_ >= interpreter.runtime_->limits().depth) {
    fail(FailureKind::budget, "statements and expressions more than {} deep in one another",
         interpreter.runtime_->limits().depth);
  }
  ++interpreter.depth_;
}

Interpreter::Captured::Captured(Interpreter& interpreter)
    : interpreter_(&interpreter), outer_(interpreter.out_), printed_(interpreter.printed_) {
  interpreter.out_ = &text_;
}

Interpreter::Captured::~Captured() {
  interpreter_->out_ = outer_;
  interpreter_->printed_ = printed_;
}

Text Interpreter::render(const Body& body) {
  Captured captured(*this);
  run(body);
  return captured.take();
}

void Interpreter::print(const Text& text) {
  runtime_->step_bytes(text.size());
  printed_ += text.size();
  if (printed_ > runtime_->limits().output_bytes) {
    fail(FailureKind::budget, "the template prints more than {} bytes", runtime_->limits().output_bytes);
  }
  out_->append(text);
}

Interpreter::Flow Interpreter::run(const Body& body) {
  for (const Statement& statement : body) {
    if (const Flow flow = run(statement); flow != Flow::next) {
      return flow;
    }
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const Statement& statement) {
  try {
    const Level level(*this);
    return std::visit([this](const auto& node) { return execute(node); }, statement.node);
  } catch (Failure& failure) {
    if (failure.line == 0) {
      failure.line = statement.line;
      failure.column = statement.column;
    }
    throw;
  }
}

Interpreter::Flow Interpreter::execute(const Data& node) {
  print(node.text.text());
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const Output& node) {
  for (const ExpressionPtr& expression : node.values) {
    const Value value = eval(*expression);
    if (value.is(Kind::string)) {
      print(value.text());
    } else if (!value.is(Kind::undefined)) {
      print(to_text(*runtime_, value));
    }
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    if (condition == nullptr || truthy(eval(*condition))) {
      return run(body);
    }
  }
  return Flow::next;
}

std::vector<Value> Interpreter::loop_items(const For& node, const Value& iterable) {
  std::vector<Value> items = items_of(*runtime_, iterable);
  if (node.condition == nullptr) {
    return items;
  }
  std::vector<Value> kept;
  for (Value& item : items) {
    const Inner inner(*this);
    assign(node.target, item);
    if (truthy(eval(*node.condition))) {
      kept.push_back(std::move(item));
    }
  }
  return kept;
}

void Interpreter::run_loop(const For& node, const Value& iterable, int level) {
  std::vector<Value> items = loop_items(node, iterable);
  const Value loop(Kind::loop, new LoopObject(runtime_->heap(), std::move(items), level));
  auto& state = loop.as<LoopObject>();
  if (node.recursive) {
    state.statement = &node;
    state.scope = scope_;
  }
  struct End {
    LoopObject& state;
    ~End() { state.end(); }
  } const end{state};
  bool completed = false;  // else is for loops of which no turn came to its end: Jinja counts a continue as none
  for (; state.index0 < state.items.size(); ++state.index0) {
    const Inner inner(*this);
    runtime_->step();
    scope_->set("loop", loop);
    assign(node.target, state.items[state.index0]);
    const Flow flow = run(node.body);
    completed = completed || flow == Flow::next;
    if (flow == Flow::break_loop) {
      break;
    }
  }
  if (!completed) {
    const Inner inner(*this);
    run(node.otherwise);
  }
}

Interpreter::Flow Interpreter::execute(const For& node) {
  run_loop(node, eval(*node.iterable), 0);
  return Flow::next;
}

void Interpreter::unpack(const Target& target, const Value& value) {
  if (value.is_number() || value.is(Kind::none)) {
    fail(FailureKind::type, "cannot unpack non-iterable {} object", type_name(value));
  }
  const std::vector<Value> items = items_of(*runtime_, value);
  if (items.size() < target.items.size()) {
    fail(FailureKind::value, "not enough values to unpack (expected {}, got {})", target.items.size(), items.size());
  }
  if (items.size() > target.items.size()) {
    fail(FailureKind::value, "too many values to unpack (expected {})", target.items.size());
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    assign(target.items[i], items[i]);
  }
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (target.is_tuple) {
    unpack(target, value);
    return;
  }
  if (!target.attribute.is(Kind::string)) {
    scope_->set(target.name, value);
    return;
  }
  const Value space = evaluate(NameRef{target.name});
  if (!space.is(Kind::space)) {
    fail(FailureKind::type, "cannot assign attribute on non-namespace object");
  }
  space.as<SpaceObject>().attributes.put(runtime_, target.attribute, value);
}

Interpreter::Flow Interpreter::execute(const Set& node) {
  assign(node.target, eval(*node.value));
  return Flow::next;
}

Value Interpreter::capture(const Body& body) {
  const Inner inner(*this);
  Captured captured(*this);
  run(body);
  return runtime_->string(captured.take());
}

Interpreter::Flow Interpreter::execute(const SetBlock& node) {
  Value value = capture(node.body);
  if (node.filter != nullptr) {
    captured_ = std::move(value);
    value = eval(*node.filter);
  }
  assign(node.target, value);
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const FilterBlock& node) {
  captured_ = capture(node.body);
  print(to_text(*runtime_, eval(*node.filter)));
  return Flow::next;
}

void Interpreter::keep_scope() {
  if (closed_.empty() || closed_.back() != scope_) {
    runtime_->heap().take(kScopeBytes);
    closed_.push_back(scope_);
  }
}

Interpreter::Flow Interpreter::execute(const MacroDefinition& node) {
  keep_scope();
  scope_->set(node.name, {Kind::macro, new MacroObject(runtime_->heap(), node, scope_)});
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const CallBlock& node) {
  const auto& call_node = std::get<Call>(node.call->node);
  const Value callee = eval(*call_node.callee);
  Arguments arguments = evaluate_arguments(call_node.arguments);
  keep_scope();
  arguments.named.emplace_back(runtime_->string("caller", Origin::author),
                               Value(Kind::macro, new MacroObject(runtime_->heap(), node.caller, scope_)));
  print(to_text(*runtime_, call(callee, arguments)));
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const With& node) {
  std::vector<Value> values;
  for (const auto& [target, expression] : node.values) {
    values.push_back(eval(*expression));
  }
  const Inner inner(*this);
  for (std::size_t i = 0; i < values.size(); ++i) {
    assign(node.values[i].first, values[i]);
  }
  return run(node.body);
}

Interpreter::Flow Interpreter::execute(const Scoped& node) {
  const Inner inner(*this, node.sees_locals ? nullptr : root_);
  return run(node.body);
}

}  // namespace llorch::jinja
