// map, select, reject and their forms with attributes: filters that take filters and tests by name. As in Jinja they
// look into what is true alone: none|map(...) is nothing, and no error.
#include "jinja/filter_tables.h"

namespace llorch::jinja::filters {
namespace {

std::string name_of(const Value& value) {
  if (!value.is(Kind::string)) {
    fail(FailureKind::type, "the name of a filter or test must be a string, not {}", type_name(value));
  }
  return std::string(value.text().view());
}

/// The arguments from `n` on.
Arguments rest(const Arguments& arguments, std::size_t n) {
  return {{arguments.positional.begin() + static_cast<std::ptrdiff_t>(n), arguments.positional.end()}, arguments.named};
}

const Value* find_named(const Arguments& arguments, std::string_view name) {
  for (const auto& [known, value] : arguments.named) {
    if (known == name) {
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
  return runtime.generator(value, [value, arguments, attribute, skip, wanted](Runtime& r) {
    if (!truthy(value)) {
      return std::vector<Value>();
    }
    Test test = nullptr;
    Arguments others;
    if (arguments.positional.size() > skip) {
      const std::string name = name_of(arguments.positional[skip]);
      test = find_test(name);
      if (test == nullptr) {
        fail(FailureKind::value, "No test named '{}'.", name);
      }
      others = rest(arguments, skip + 1);
    }
    std::vector<Value> kept;
    for (Value& item : items_of(r, value)) {
      r.step();
      const Value subject = skip > 0 ? get_path(r, item, attribute) : item;
      if ((test != nullptr ? test(r, subject, others) : truthy(subject)) == wanted) {
        kept.push_back(std::move(item));
      }
    }
    return kept;
  });
}

}  // namespace

Value map(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Value* attribute = find_named(arguments, "attribute");
  if (arguments.positional.empty() && attribute != nullptr) {
    for (const auto& [name, argument] : arguments.named) {
      if (name != "attribute" && name != "default") {
        fail(FailureKind::type, "Unexpected keyword argument '{}'", name);
      }
    }
    const Value* given = find_named(arguments, "default");
    return runtime.generator(value, [value, path = *attribute, has_default = given != nullptr && !given->is(Kind::none),
                                     fallback = given != nullptr ? *given : Value()](Runtime& r) {
      std::vector<Value> mapped;
      if (!truthy(value)) {
        return mapped;
      }
      for (const Value& item : items_of(r, value)) {
        r.step();
        mapped.push_back(get_path(r, item, path, has_default ? &fallback : nullptr));
      }
      return mapped;
    });
  }
  if (arguments.positional.empty()) {
    fail(FailureKind::type, "map requires a filter argument");
  }
  return runtime.generator(value, [value, arguments](Runtime& r) {
    if (!truthy(value)) {
      return std::vector<Value>();
    }
    const std::string name = name_of(arguments.positional[0]);
    const Filter filter = find_filter(name);
    if (filter == nullptr) {
      fail(FailureKind::value, "No filter named '{}'.", name);
    }
    const Arguments others = rest(arguments, 1);
    std::vector<Value> mapped;
    for (const Value& item : items_of(r, value)) {
      r.step();
      mapped.push_back(filter(r, item, others));
    }
    return mapped;
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
