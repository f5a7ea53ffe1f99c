// map, select, reject and their forms with attributes: filters that take filters and tests by name. As in Jinja they
// look into what is true alone: none|map(...) is nothing, and no error.
#include "jinja/filter_tables.h"

namespace llorch::jinja::filters {
namespace {

std::string_view name_of(const Value& value) {
  if (!value.is(Kind::string)) {
    fail(FailureKind::type, "the name of a filter or test must be a string, not {}", type_name(value));
  }
  return value.text().view();
}

/// Looked up when an item is there: without items an unknown name is no error.
Test test_of(const Value& name) {
  const Test test = find_test(name_of(name));
  if (test == nullptr) {
    fail(FailureKind::value, "No test named '{}'.", name_of(name));
  }
  return test;
}

Filter filter_of(const Value& name) {
  const Filter filter = find_filter(name_of(name));
  if (filter == nullptr) {
    fail(FailureKind::value, "No filter named '{}'.", name_of(name));
  }
  return filter;
}

Value true_or_nothing(const Value& value) {
  return truthy(value) ? value : Value();
}

/// The arguments from `n` on.
Arguments rest(const Arguments& arguments, std::size_t n) {
  return {{arguments.positional.begin() + static_cast<std::ptrdiff_t>(n), arguments.positional.end()}, arguments.named};
}

const Value* find_named(const Arguments& arguments, std::string_view name) {
  for (const auto& [known, value] : arguments.named) {
    if (known.text().view() == name) {
      return &value;
    }
  }
  return nullptr;
}

/// `skip` arguments come before the name of the test; without a name truth is what counts.
Value choose(Runtime& runtime, const Value& value, const Arguments& arguments, std::size_t skip, bool wanted) {
  if (arguments.positional.size() < skip) {
    fail(FailureKind::type, "Missing parameter for attribute name");
  }
  const Value attribute = skip > 0 ? arguments.positional[0] : Value::none();
  const bool named = arguments.positional.size() > skip;
  const Value name = named ? arguments.positional[skip] : Value::none();
  const Arguments others = named ? rest(arguments, skip + 1) : Arguments();
  return each_of(runtime, true_or_nothing(value), [=](Runtime& r, Value item) {
    const Test test = named ? test_of(name) : nullptr;
    const Value subject = skip > 0 ? get_path(r, item, attribute) : item;
    const bool holds = test != nullptr ? test(r, subject, others) : truthy(subject);
    return holds == wanted ? std::optional(std::move(item)) : std::nullopt;
  });
}

}  // namespace

Value map(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Value* attribute = find_named(arguments, "attribute");
  if (arguments.positional.empty() && attribute != nullptr) {
    for (const auto& [key, argument] : arguments.named) {
      const std::string_view name = key.text().view();
      if (name != "attribute" && name != "default") {
        fail(FailureKind::type, "Unexpected keyword argument '{}'", name);
      }
    }
    const Value* given = find_named(arguments, "default");
    const bool has_default = given != nullptr && !given->is(Kind::none);
    const Value fallback = given != nullptr ? *given : Value();
    return each_of(runtime, true_or_nothing(value), [=, path = *attribute](Runtime& r, const Value& item) {
      return std::optional(get_path(r, item, path, has_default ? &fallback : nullptr));
    });
  }
  if (arguments.positional.empty()) {
    fail(FailureKind::type, "map requires a filter argument");
  }
  return each_of(runtime, true_or_nothing(value),
                 [name = arguments.positional[0], others = rest(arguments, 1)](Runtime& r, const Value& item) {
                   return std::optional(filter_of(name)(r, item, others));
                 });
}

Value select(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return choose(runtime, value, arguments, 0, true);
}

Value reject(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return choose(runtime, value, arguments, 0, false);
}

Value select_attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return choose(runtime, value, arguments, 1, true);
}

Value reject_attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  return choose(runtime, value, arguments, 1, false);
}

}  // namespace llorch::jinja::filters
