// The tree of a template: statements over expressions. Plain data; parse_statement.cpp and parse_expression.cpp make
// it, the Interpreter walks it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "jinja/ops.h"

namespace llorch::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;  // may be null where the source may leave it out
using Body = std::vector<Statement>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<Value, ExpressionPtr>> named;  // names are strings
  ExpressionPtr more_positional;                       // *args
  ExpressionPtr more_named;                            // **kwargs
};

// expressions.
struct Constant {
  Value value;
};
struct NameRef {
  std::string name;
};
struct Attribute {  // of.name
  ExpressionPtr of;
  Value name;
};
struct Item {  // of[key]
  ExpressionPtr of, key;
};
struct Slice {  // of[begin:end:step]
  ExpressionPtr of, begin, end, step;
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
using Filter = Value (*)(Runtime&, const Value&, const Arguments&);
using Test = bool (*)(Runtime&, const Value&, const Arguments&);
struct FilterCall {
  ExpressionPtr of;  // null: what {% filter %} or {% set %} encloses
  std::string name;
  Filter filter;  // nullptr: unknown, which is an error when it is called
  CallArguments arguments;
};
struct TestCall {
  ExpressionPtr of;
  std::string name;
  Test test;
  CallArguments arguments;
  bool negated = false;
};
struct Unary {
  enum class Op { plus, minus, negation } op;
  ExpressionPtr of;
};
struct Binary {
  Arithmetic op;
  ExpressionPtr left, right;
};
struct Logical {
  bool is_and;
  ExpressionPtr left, right;
};
enum class Comparator { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
struct Comparison {  // first op next op next ...
  ExpressionPtr first;
  std::vector<std::pair<Comparator, ExpressionPtr>> rest;
};
struct Concatenation {  // a ~ b ~ c
  std::vector<ExpressionPtr> parts;
};
struct Conditional {
  ExpressionPtr test, yes, no;  // no: may be null
};
struct Sequence {  // [..] or (..)
  bool is_tuple;
  std::vector<ExpressionPtr> items;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};

struct Expression {
  int line = 0;
  int column = 0;
  int height = 1;  // longest way to a leaf
  std::variant<Constant, NameRef, Attribute, Item, Slice, Call, FilterCall, TestCall, Unary, Binary, Logical,
               Comparison, Concatenation, Conditional, Sequence, DictLiteral>
      node;
};

/// What {% set %} and {% for %} assign to: a name, an attribute of a namespace, or several.
struct Target {
  std::string name;
  Value attribute;            // a string: name.attribute
  std::vector<Target> items;  // not empty: a tuple of targets
  bool is_tuple = false;
};

// statements.
struct Data {
  Value text;
};
struct Output {
  std::vector<ExpressionPtr> values;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;  // the last may have no condition: else
};
struct For {
  Target target;
  ExpressionPtr iterable, condition;
  Body body, otherwise;
  bool recursive = false;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;  // a chain of FilterCall
  Body body;
};
struct MacroDefinition {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExpressionPtr> defaults;  // of the last parameters
  Body body;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};
struct CallBlock {
  ExpressionPtr call;
  MacroDefinition caller;
};
struct FilterBlock {
  ExpressionPtr filter;
  Body body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};
/// {% generation %}, {% block %}: a body with names of its own.
struct Scoped {
  Body body;
  bool sees_locals = true;  // a block sees only what is global
};
struct Break {};
struct Continue {};

struct Statement {
  int line = 0;
  int column = 0;
  std::variant<Data, Output, If, For, Set, SetBlock, MacroDefinition, CallBlock, FilterBlock, With, Scoped, Break,
               Continue>
      node;
};

}  // namespace llorch::jinja
