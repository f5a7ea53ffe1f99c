// The filters, tests and global functions of the environment, by name.
#pragma once

#include <string_view>

#include "jinja/ast.h"

namespace llorch::jinja {

/// nullptr when there is no such filter (random and urlize are left out: a prompt must be the same every time, and
/// holds no HTML).
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);
/// range, namespace, raise_exception, ...; undefined (without a name) when there is no such function.
Value find_global(Runtime& runtime, std::string_view name);
/// Calls a method that is not one of str's: dict.get, list.index, cycler.next, ...
Value call_method(Runtime& runtime, const MethodObject& method, const Arguments& arguments);

/// Arguments by position or name, checked against what a function takes.
class Parameters {
 public:
  /// `names` in order; more than those, unknown or repeated ones are an error that names `function`. The first
  /// `n_required` must be given.
  Parameters(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> names,
             std::size_t n_required = 0);
  /// Nothing when it was not given.
  const Value* find(std::size_t i) const { return values_[i]; }
  Value get(std::size_t i, Value fallback) const { return values_[i] != nullptr ? *values_[i] : std::move(fallback); }
  bool flag(std::size_t i, bool fallback) const { return values_[i] != nullptr ? truthy(*values_[i]) : fallback; }
  /// An integer; other types are an error.
  std::int64_t integer(std::size_t i, std::int64_t fallback) const;

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

/// The named arguments as a dict.
Value named_values(Runtime& runtime, const Arguments& arguments);

}  // namespace llorch::jinja
