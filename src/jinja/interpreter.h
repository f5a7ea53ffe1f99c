// Interpreter: walks a template's tree once, with the variables of one render.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jinja/ast.h"

namespace llorch::jinja {

/// Names set in one place: the template as a whole, one turn of a loop, one call of a macro. The names are the tree's
/// strings.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer = nullptr) : parent(std::move(outer)) {}
  const std::shared_ptr<Scope> parent;
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
  void clear() { names_.clear(); }

 private:
  std::size_t place_of(std::string_view name) const;  // in names_, or its size

  static constexpr std::size_t kIndexed = 16;  // names from which on there is an index
  std::vector<std::pair<std::string_view, Value>> names_;
  std::unordered_map<std::string_view, std::size_t, HashText> index_;
};
using ScopePtr = std::shared_ptr<Scope>;

struct MacroObject : Object {
  static constexpr bool holds(Kind kind) { return kind == Kind::macro; }
  MacroObject(Heap& heap, const MacroDefinition& d, ScopePtr s)
      : Object(heap, sizeof(*this)), definition(&d), scope(std::move(s)) {}
  /// macro.name, macro.arguments, ...: nothing when there is no such attribute.
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) const;
  const MacroDefinition* definition;
  ScopePtr scope;  // where it was defined
};

class Interpreter {
 public:
  /// `variables`: a dict.
  Interpreter(Runtime& runtime, const Value& variables);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;
  ~Interpreter();
  Text render(const Body& body);

 private:
  enum class Flow { next, break_loop, continue_loop };

  // statements (execute.cpp).
  Flow run(const Body& body);
  Flow run(const Statement& statement);
  Flow execute(const Data& node);
  Flow execute(const Output& node);
  Flow execute(const If& node);
  Flow execute(const For& node);
  Flow execute(const Set& node);
  Flow execute(const SetBlock& node);
  Flow execute(const MacroDefinition& node);
  Flow execute(const CallBlock& node);
  Flow execute(const FilterBlock& node);
  Flow execute(const With& node);
  Flow execute(const Scoped& node);
  Flow execute(const Break&) { return Flow::break_loop; }
  Flow execute(const Continue&) { return Flow::continue_loop; }
  std::vector<Value> loop_items(const For& node, const Value& iterable);
  void run_loop(const For& node, const Value& iterable, int level);
  void assign(const Target& target, const Value& value);
  void unpack(const Target& target, const Value& value);
  /// What `body` prints, in a scope of its own.
  Value capture(const Body& body);
  void print(const Text& text);
  /// The current scope is held by a macro from now on.
  void keep_scope();

  // expressions (evaluate.cpp).
  Value eval(const Expression& expression);
  Value evaluate(const Constant& node) { return node.value; }
  Value evaluate(const NameRef& node);
  Value evaluate(const Attribute& node);
  Value evaluate(const Item& node);
  Value evaluate(const Slice& node);
  Value evaluate(const Call& node);
  Value evaluate(const FilterCall& node);
  Value evaluate(const TestCall& node);
  Value evaluate(const Unary& node);
  Value evaluate(const Binary& node);
  Value evaluate(const Logical& node);
  Value evaluate(const Comparison& node);
  Value evaluate(const Concatenation& node);
  Value evaluate(const Conditional& node);
  Value evaluate(const Sequence& node);
  Value evaluate(const DictLiteral& node);
  bool compare(Comparator comparator, const Value& left, const Value& right);
  Value eval_or_none(const ExpressionPtr& expression) { return expression ? eval(*expression) : Value::none(); }
  Arguments evaluate_arguments(const CallArguments& node);

  // calls (call.cpp).
  Value call(const Value& callee, const Arguments& arguments);
  Value call_macro(const MacroObject& macro, const Arguments& arguments);
  void bind_parameters(const MacroDefinition& macro, const Arguments& arguments);
  Value call_loop(const Value& loop, const Arguments& arguments);

  /// A new innermost scope for as long as it lives; `parent` null: the current one.
  class Inner {
   public:
    explicit Inner(Interpreter& interpreter, ScopePtr parent = nullptr);
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;
    ~Inner() { interpreter_->scope_ = std::move(outer_); }

   private:
    Interpreter* interpreter_;
    ScopePtr outer_;
  };
  /// Counts depth for as long as it lives.
  class Level {
   public:
    explicit Level(Interpreter& interpreter);
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --interpreter_->depth_; }

   private:
    Interpreter* interpreter_;
  };
  /// Printing goes into a text of its own for as long as it lives.
  class Captured {
   public:
    explicit Captured(Interpreter& interpreter);
    Captured(const Captured&) = delete;
    Captured& operator=(const Captured&) = delete;
    ~Captured();
    Text take() { return std::move(text_); }

   private:
    Interpreter* interpreter_;
    Text* outer_;
    std::size_t printed_;
    Text text_;
  };

  Runtime* runtime_;
  Value variables_;
  ScopePtr root_, scope_;
  Text* out_ = nullptr;
  std::size_t printed_ = 0;  // bytes in all texts that are being printed into
  int depth_ = 0;
  Value captured_;                // what a filter without a subject gets
  std::vector<ScopePtr> closed_;  // scopes that macros hold: they may hold the macro in turn
};

}  // namespace llorch::jinja
