// Calls: macros with their arguments, methods, functions of the environment, loop(...) of recursive loops.
#include <algorithm>

#include "jinja/filters.h"
#include "jinja/interpreter.h"
#include "jinja/loop.h"
#include "jinja/str_methods.h"

namespace llorch::jinja {

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  switch (callee.kind()) {
    case Kind::macro:
      return call_macro(callee.as<MacroObject>(), arguments);
    case Kind::function:
      return callee.as<FunctionObject>().call(*runtime_, arguments);
    case Kind::method: {
      const auto& method = callee.as<MethodObject>();
      if (method.self.is(Kind::string)) {
        return find_string_method(method.name)(*runtime_, method.self, arguments);
      }
      return call_method(*runtime_, method, arguments);
    }
    case Kind::loop:
      return call_loop(callee, arguments);
    case Kind::joiner: {
      auto& joiner = callee.as<JoinerObject>();
      return std::exchange(joiner.used, true) ? joiner.separator : runtime_->string(Text());
    }
    case Kind::undefined:
      fail_undefined(callee);
    default:
      fail(FailureKind::type, "'{}' object is not callable", type_name(callee));
  }
}

Value Interpreter::call_loop(const Value& loop, const Arguments& arguments) {
  const auto& state = loop.as<LoopObject>();
  if (state.statement == nullptr) {
    fail(FailureKind::type, "The loop must have the 'recursive' marker to be called recursively.");
  }
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    fail(FailureKind::type, "loop() takes one argument");
  }
  const ScopePtr outer = std::exchange(scope_, std::static_pointer_cast<Scope>(state.scope));
  struct Restore {
    ScopePtr& scope;
    const ScopePtr& outer;
    ~Restore() { scope = outer; }
  } restore{scope_, outer};
  Captured captured(*this);
  run_loop(*static_cast<const For*>(state.statement), arguments.positional.front(), state.depth0 + 1);
  return runtime_->string(captured.take());
}

void Interpreter::bind_parameters(const MacroDefinition& macro, const Arguments& arguments) {
  const std::size_t n = macro.parameters.size();
  const auto& given = arguments.positional;
  std::vector<const Value*> values(n, nullptr);
  for (std::size_t i = 0; i < std::min(n, given.size()); ++i) {
    values[i] = &given[i];
  }
  const Value* caller = nullptr;
  const Value kwargs = runtime_->dict();
  for (const auto& [name, value] : arguments.named) {
    const std::string_view spelled = name.text().view();
    const auto known = std::find(macro.parameters.begin(), macro.parameters.end(), spelled);
    const auto i = static_cast<std::size_t>(known - macro.parameters.begin());
    runtime_->step(static_cast<std::int64_t>(i));
    if (i < n && values[i] == nullptr) {
      values[i] = &value;
    } else if (spelled == "caller" && macro.uses_caller) {
      caller = &value;
    } else if (macro.uses_kwargs) {
      kwargs.as<DictObject>().set(*runtime_, name, value);
    } else if (spelled == "caller") {
      fail(FailureKind::type,
           "macro '{}' was invoked with two values for the special caller argument. This is most "
           "likely a bug.",
           macro.name);
    } else {
      fail(FailureKind::type, "macro '{}' takes no keyword argument '{}'", macro.name, spelled);
    }
  }
  if (given.size() > n && !macro.uses_varargs) {
    fail(FailureKind::type, "macro '{}' takes not more than {} argument(s)", macro.name, n);
  }
  if (macro.uses_caller) {
    scope_->set("caller", caller != nullptr ? *caller : runtime_->undefined("No caller defined"));
  }
  if (macro.uses_kwargs) {
    scope_->set("kwargs", kwargs);
  }
  if (macro.uses_varargs) {
    const auto extra = static_cast<std::ptrdiff_t>(std::min(n, given.size()));
    scope_->set("varargs", runtime_->tuple({given.begin() + extra, given.end()}));
  }
  for (std::size_t i = 0; i < n; ++i) {
    scope_->set(macro.parameters[i],
                values[i] != nullptr
                    ? *values[i]
                    : runtime_->undefined(fmt::format("parameter '{}' was not provided", macro.parameters[i])));
  }
  // A default sees the parameters, itself among them, and not what had their names outside.
  const std::size_t first_default = n - macro.defaults.size();
  for (std::size_t i = first_default; i < n; ++i) {
    if (values[i] == nullptr) {
      scope_->set(macro.parameters[i], eval(*macro.defaults[i - first_default]));
    }
  }
}

std::optional<Value> MacroObject::attribute(Runtime& runtime, std::string_view wanted) const {
  if (wanted == "name") {
    return runtime.string(definition->name, Origin::author);
  }
  if (wanted == "arguments") {
    std::vector<Value> names;
    for (const std::string& name : definition->parameters) {
      names.push_back(runtime.string(name, Origin::author));
    }
    return runtime.tuple(std::move(names));
  }
  if (wanted == "catch_kwargs" || wanted == "catch_varargs") {
    return Value(wanted == "catch_kwargs" ? definition->uses_kwargs : definition->uses_varargs);
  }
  return wanted == "caller" ? std::optional(Value(definition->uses_caller)) : std::nullopt;
}

Value Interpreter::call_macro(const MacroObject& macro, const Arguments& arguments) {
  const Level level(*this);
  const MacroDefinition& definition = *macro.definition;
  const Inner inner(*this, macro.scope);
  bind_parameters(definition, arguments);
  Captured captured(*this);
  run(definition.body);
  return runtime_->string(captured.take());
}

}  // namespace llorch::jinja
