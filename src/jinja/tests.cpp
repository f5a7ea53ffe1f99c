// The tests after "is".
#include <algorithm>

#include "jinja/filters.h"
#include "jinja/str_methods.h"

namespace llorch::jinja {
namespace {

using Args = const Arguments&;

/// A test without arguments.
template <auto kHolds>
bool alone(Runtime& runtime, const Value& value, Args arguments) {
  if (!arguments.positional.empty() || !arguments.named.empty()) {
    fail(FailureKind::type, "the test takes no argument ({} given)",
         arguments.positional.size() + arguments.named.size());
  }
  return kHolds(runtime, value);
}

Value argument(std::string_view test, Args arguments) {
  return Parameters(test, arguments, {"other"}, 1).get(0, Value());
}

bool is_iterable(Runtime&, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::view:
    case Kind::range:
    case Kind::generator:
    case Kind::loop:
      return true;
    default:
      return false;
  }
}

bool is_sequence(Runtime&, const Value& value) {
  return value.is(Kind::undefined) || value.is(Kind::string) || value.is(Kind::list) || value.is(Kind::tuple) ||
         value.is(Kind::dict) || value.is(Kind::range);
}

bool is_callable(Runtime&, const Value& value) {
  return value.is(Kind::undefined) || value.is(Kind::macro) || value.is(Kind::function) || value.is(Kind::method) ||
         value.is(Kind::loop) || value.is(Kind::joiner);
}

bool is_same(Runtime& runtime, const Value& value, Args arguments) {
  const Value other = argument("sameas", arguments);
  if (value.kind() != other.kind()) {
    return false;
  }
  return value.is_number() || value.is(Kind::none) ? equal(runtime, value, other) : value.object() == other.object();
}

bool remainder_is(Runtime& runtime, const Value& value, std::int64_t divisor, std::int64_t remainder) {
  return equal(runtime, arithmetic(runtime, Arithmetic::modulo, value, Value(divisor)), Value(remainder));
}

bool calls_true(Runtime& runtime, const Value& value, std::string_view method) {
  return truthy(find_string_method(method)(runtime, to_string(runtime, value), {}));
}

bool known(Runtime& runtime, const Value& name, bool filter) {
  hash_of(&runtime, name);  // what cannot be looked up is an error
  return name.is(Kind::string) &&
         (filter ? find_filter(name.text().view()) != nullptr : find_test(name.text().view()) != nullptr);
}

bool less_or_equal(Runtime& runtime, const Value& a, const Value& b, std::string_view symbol) {
  return less(runtime, a, b, symbol) || equal(runtime, a, b);
}

struct Entry {
  std::string_view name;
  Test test;
};

const Entry kTests[] = {
    {"boolean", alone<[](Runtime&, const Value& v) { return v.is(Kind::boolean); }>},
    {"callable", alone<is_callable>},
    {"defined", alone<[](Runtime&, const Value& v) { return !v.is(Kind::undefined); }>},
    {"divisibleby",
     [](Runtime& r, const Value& v, Args a) {
       return equal(r, arithmetic(r, Arithmetic::modulo, v, argument("divisibleby", a)), Value(std::int64_t{0}));
     }},
    {"escaped", alone<[](Runtime&, const Value& v) { return v.is(Kind::string) && v.as<StringObject>().markup; }>},
    {"even", alone<[](Runtime& r, const Value& v) { return remainder_is(r, v, 2, 0); }>},
    {"false", alone<[](Runtime&, const Value& v) { return v.is(Kind::boolean) && !v.boolean(); }>},
    {"filter", alone<[](Runtime& r, const Value& v) { return known(r, v, true); }>},
    {"float", alone<[](Runtime&, const Value& v) { return v.is(Kind::real); }>},
    {"in", [](Runtime& r, const Value& v, Args a) { return contains(r, argument("in", a), v); }},
    {"integer", alone<[](Runtime&, const Value& v) { return v.is(Kind::integer) || v.is(Kind::big); }>},
    {"iterable", alone<is_iterable>},
    {"lower", alone<[](Runtime& r, const Value& v) { return calls_true(r, v, "islower"); }>},
    {"mapping", alone<[](Runtime&, const Value& v) { return v.is(Kind::dict); }>},
    {"none", alone<[](Runtime&, const Value& v) { return v.is(Kind::none); }>},
    {"number", alone<[](Runtime&, const Value& v) { return v.is_number(); }>},
    {"odd", alone<[](Runtime& r, const Value& v) { return remainder_is(r, v, 2, 1); }>},
    {"sameas", is_same},
    {"sequence", alone<is_sequence>},
    {"string", alone<[](Runtime&, const Value& v) { return v.is(Kind::string); }>},
    {"test", alone<[](Runtime& r, const Value& v) { return known(r, v, false); }>},
    {"true", alone<[](Runtime&, const Value& v) { return v.is(Kind::boolean) && v.boolean(); }>},
    {"undefined", alone<[](Runtime&, const Value& v) { return v.is(Kind::undefined); }>},
    {"upper", alone<[](Runtime& r, const Value& v) { return calls_true(r, v, "isupper"); }>},
};

constexpr Test kEqual = [](Runtime& r, const Value& v, Args a) { return equal(r, v, argument("eq", a)); };
constexpr Test kNotEqual = [](Runtime& r, const Value& v, Args a) { return !equal(r, v, argument("ne", a)); };
constexpr Test kLess = [](Runtime& r, const Value& v, Args a) { return less(r, v, argument("lt", a), "<"); };
constexpr Test kGreater = [](Runtime& r, const Value& v, Args a) { return less(r, argument("gt", a), v, ">"); };
constexpr Test kLessEqual = [](Runtime& r, const Value& v, Args a) {
  return less_or_equal(r, v, argument("le", a), "<=");
};
constexpr Test kGreaterEqual = [](Runtime& r, const Value& v, Args a) {
  return less_or_equal(r, argument("ge", a), v, ">=");
};

const Entry kComparisons[] = {
    {"eq", kEqual},  {"equalto", kEqual}, {"==", kEqual},     {"ne", kNotEqual},     {"!=", kNotEqual},
    {"lt", kLess},   {"lessthan", kLess}, {"<", kLess},       {"gt", kGreater},      {"greaterthan", kGreater},
    {">", kGreater}, {"le", kLessEqual},  {"<=", kLessEqual}, {"ge", kGreaterEqual}, {">=", kGreaterEqual},
};

}  // namespace

Test find_test(std::string_view name) {
  const auto matches = [&](const Entry& entry) { return entry.name == name; };
  if (const auto* found = std::find_if(std::begin(kTests), std::end(kTests), matches); found != std::end(kTests)) {
    return found->test;
  }
  const auto* found = std::find_if(std::begin(kComparisons), std::end(kComparisons), matches);
  return found == std::end(kComparisons) ? nullptr : found->test;
}

}  // namespace llorch::jinja
